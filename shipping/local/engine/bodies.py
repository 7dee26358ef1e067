"""The kinds of steps that wait for a person or for another build: their attributes to step bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from shipping.local.engine import fields, values
from shipping.local.engine.kinds import Block, Input, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

T = TypeVar("T")

BLOCKED_STATES = ("passed", "failed", "running")
BUILD = ("branch", "commit", "env", "message", "meta_data")
HIGHEST_PARALLELISM = 500


class Reading(Protocol):
    """Reads one attribute of a step by its name; what is wrong with it is kept as a fault."""

    def __call__(self, name: str, reader: Callable[[object], T], /) -> T: ...


def block(read: Reading) -> Block:
    """Return the body of a block step."""
    return Block(
        prompt=read("prompt", values.text),
        fields=read("fields", fields.read),
        submit=read("submit", values.text),
        blocked_state=read("blocked_state", _blocked_state),
        allowed_teams=read("allowed_teams", _teams),
    )


def asking(read: Reading) -> Input:
    """Return the body of an input step."""
    return Input(
        prompt=read("prompt", values.text),
        fields=read("fields", fields.read),
        submit=read("submit", values.text),
        blocked_state=read("blocked_state", _blocked_state),
        allowed_teams=read("allowed_teams", _teams),
    )


def trigger(read: Reading, pipelines: Collection[str] | None) -> Trigger:
    """Return the body of a trigger step. ``pipelines`` are the slugs that it may name; None: any."""
    build = read("build", _build)
    return Trigger(
        pipeline=read("trigger", lambda value: _pipeline(value, pipelines)),
        message=values.text(build.get("message")),
        commit=values.text(build.get("commit")),
        branch=values.text(build.get("branch")),
        meta_data=values.variables(build.get("meta_data")),
        env=values.variables(build.get("env")),
        asynchronous=read("async", values.flag),
        soft_fail=read("soft_fail", _forgiving),
        parallelism=read("parallelism", _parallelism),
    )


def _blocked_state(value: object) -> str:
    if value is None:
        return "passed"
    if value not in BLOCKED_STATES:
        raise ValueError(f"must be one of {', '.join(BLOCKED_STATES)}")
    return str(value)


def _teams(value: object) -> tuple[str, ...]:
    entries = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) and entry for entry in entries):
        raise ValueError("must be a team's slug or id, or a list of them")
    return tuple(str(entry) for entry in entries)


def _pipeline(value: object, pipelines: Collection[str] | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not value:
        raise ValueError("must be the slug of a pipeline")
    if pipelines is not None and value not in pipelines:
        raise ValueError("must be the slug of a pipeline that exists")
    return value


def _build(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict) or set(value) - set(BUILD):
        raise ValueError(f"must be a map of {', '.join(BUILD)}")
    for name in ("branch", "commit", "message"):
        values.text(value.get(name))
    values.variables(value.get("env"))
    values.meta_data(value.get("meta_data"))
    return value


def _forgiving(value: object) -> bool:
    """Return whether the triggered build's failure is forgiven; it has no exit status that rules could name."""
    if isinstance(value, list):
        raise ValueError("must be true or false")  # noqa: TRY004 - a fault of the document
    return values.flag(value)


def _parallelism(value: object) -> int | None:
    return None if value is None else values.number(value, least=1, most=HIGHEST_PARALLELISM)
