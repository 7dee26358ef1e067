"""Typed steps and their rendering. A step that cannot be valid cannot be built; dicts exist at the wire only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """One automatic retry: which end of a job it matches, and how often it is tried again (Buildkite allows 0 to 10)."""

    exit_status: int | str | None = None
    signal_reason: str | None = None
    limit: int

    def __post_init__(self) -> None:
        if self.exit_status is None and self.signal_reason is None:
            raise ValueError("a retry rule must match something")
        if not 0 <= self.limit <= 10:
            raise ValueError(f"retry limit {self.limit} is not within 0 to 10")

    def render(self) -> dict[str, Any]:
        return _without_none(exit_status=self.exit_status, signal_reason=self.signal_reason, limit=self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A step that must have ended first; ``allow_failure``: however it ended."""

    step: str
    allow_failure: bool = False

    def render(self) -> dict[str, Any]:
        return {"step": self.step, "allow_failure": True} if self.allow_failure else {"step": self.step}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin and its configuration. Nulls are refused: one anywhere makes the agent drop the whole configuration."""

    source: str
    configuration: Mapping[str, Any]

    def __post_init__(self) -> None:
        if any(value is None for value in self.configuration.values()):
            raise ValueError(f"a null in the configuration of {self.source!r}")

    def render(self) -> dict[str, Any]:
        return {self.source: dict(self.configuration)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One job, or ``parallelism`` of them. ``timeout`` in minutes; ``skip`` says why the step does not run."""

    key: str
    label: str
    command: str
    plugins: tuple[Plugin, ...] = ()
    depends_on: tuple[Dependency, ...] = ()
    parallelism: int | None = None
    queue: str
    timeout: int
    priority: int = 0
    retry: tuple[RetryRule, ...] = ()
    soft_fail: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    skip: str | None = None

    @property
    def jobs(self) -> int:
        return self.parallelism or 1

    def render(self) -> dict[str, Any]:
        return _without_none(
            label=self.label,
            key=self.key,
            command=self.command,
            plugins=[plugin.render() for plugin in self.plugins] or None,
            depends_on=[dependency.render() for dependency in self.depends_on] or None,
            parallelism=self.parallelism,
            agents={"queue": self.queue},
            timeout_in_minutes=self.timeout,
            priority=self.priority or None,
            retry={"automatic": [rule.render() for rule in self.retry]} if self.retry else None,
            soft_fail=True if self.soft_fail else None,
            env=dict(self.env) or None,
            skip=self.skip,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A build of another pipeline, which nobody waits for. ``pipeline`` is its pipeline slug; commits are full ids."""

    key: str
    label: str
    pipeline: str
    commit: str
    branch: str
    message: str
    meta_data: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[Dependency, ...] = ()

    @property
    def jobs(self) -> int:
        return 1

    def render(self) -> dict[str, Any]:
        build = {"commit": self.commit, "branch": self.branch, "message": self.message}
        return _without_none(
            trigger=self.pipeline,
            label=self.label,
            key=self.key,
            depends_on=[dependency.render() for dependency in self.depends_on] or None,
            build={**build, "meta_data": dict(self.meta_data)} if self.meta_data else build,
            **{"async": True},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A wait for a person, who reads ``label`` on the build and ``prompt`` when about to unblock."""

    key: str
    label: str
    prompt: str

    def render(self) -> dict[str, Any]:
        return {"block": self.label, "key": self.key, "prompt": self.prompt}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Steps shown together. Buildkite counts the group itself as one job."""

    key: str
    label: str
    steps: tuple[Command | Trigger, ...]

    @property
    def jobs(self) -> int:
        return 1 + sum(step.jobs for step in self.steps)

    def render(self) -> dict[str, Any]:
        return {"group": self.label, "key": self.key, "steps": [step.render() for step in self.steps]}


Step = Command | Trigger | Group


def render(steps: Sequence[Step]) -> dict[str, Any]:
    """Return the pipeline as Buildkite reads it."""
    return {"steps": [step.render() for step in steps]}


def chunks(steps: Sequence[Step], *, limit: int) -> tuple[tuple[Step, ...], ...]:
    """Cut the steps into uploads of at most ``limit`` jobs each, groups whole, in order.

    A single step above the limit stays alone in its upload; lint refuses it.
    """
    cut: list[list[Step]] = []
    room = 0
    for step in steps:
        if not cut or step.jobs > room:
            cut.append([])
            room = limit
        cut[-1].append(step)
        room -= step.jobs
    return tuple(tuple(chunk) for chunk in cut)


def _without_none(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - the values of a wire document
    return {key: value for key, value in values.items() if value is not None}
