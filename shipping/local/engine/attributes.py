"""The words of a pipeline document: kinds of steps, their attributes, and which of them are not implemented here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

LATER = "is not implemented by the local Buildkite"

ALIASES = {
    "id": "key",
    "identifier": "key",
    "name": "label",
    "commands": "command",
    "script": "command",
    "artifacts": "artifact_paths",
    "timeout": "timeout_in_minutes",
    "agent_query_rules": "agents",
    "waiter": "wait",
    "manual": "block",
}

EVERY = frozenset({"key", "label", "depends_on", "allow_dependency_failure", "type", "if"})
COMMAND = EVERY | {
    "command",
    "env",
    "agents",
    "plugins",
    "artifact_paths",
    "parallelism",
    "retry",
    "soft_fail",
    "timeout_in_minutes",
    "priority",
    "skip",
    "signature",
    "notify",
    "concurrency",
    "concurrency_group",
    "concurrency_method",
    "cancel_on_build_failing",
    "branches",
    "matrix",
}
WAIT = EVERY | {"wait", "continue_on_failure", "branches"}
GROUP = EVERY | {"group", "steps", "skip", "notify"}
ASKING = EVERY | {"prompt", "fields", "submit", "blocked_state", "allowed_teams", "branches"}
BLOCK = ASKING | {"block"}
INPUT = ASKING | {"input"}
TRIGGER = EVERY | {"trigger", "build", "async", "skip", "soft_fail", "parallelism", "branches"}
TOP = frozenset({"steps", "env", "agents", "priority", "notify"})

COMMAND_LATER = frozenset(
    {
        "cache",
        "checkout",
        "if_changed",
        "image",
        "secrets",
    }
)
WAIT_LATER = frozenset[str]()
GROUP_LATER = frozenset({"if_changed"})
BLOCK_LATER = INPUT_LATER = frozenset[str]()
TRIGGER_LATER = frozenset({"if_changed"})
TOP_LATER = frozenset({"checkout", "image", "secrets"})

TYPES = {"script": "command", "waiter": "wait", "manual": "block"}
KINDS = ("command", "wait", "block", "input", "trigger", "group")


def unnested(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the step of the form ``{wait: {continue_on_failure: true}}`` as one map; every other as it is."""
    if len(raw) != 1:
        return raw
    ((word, inner),) = raw.items()
    kind = ALIASES.get(word, word)
    return {"type": kind, **inner} if kind in KINDS and kind != "group" and isinstance(inner, dict) else raw


def kind(named: Mapping[str, Any]) -> str:
    """Return what kind of step it is: what its ``type`` says, else by its attributes, as Buildkite's parser asks."""
    if "type" in named:
        return TYPES.get(str(named["type"]), str(named["type"]))
    if "command" in named or "plugins" in named:
        return "command"
    return next((one for one in KINDS if one in named), "")


def canonical(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the step under its canonical attribute names, and the faults of naming one attribute twice."""
    named: dict[str, Any] = {}
    faults: list[str] = []
    for word, value in raw.items():
        name = ALIASES.get(word, word)
        if name in named:
            faults.append(f"attribute {word!r} says {name!r} a second time")
        named[name] = value
    return named, faults


def refuse(step: Mapping[str, Any], known: frozenset[str], later: frozenset[str]) -> list[str]:
    """Return a fault for each attribute that is not implemented, and each that does not exist."""
    faults = []
    for name in step:
        if name in later:
            faults.append(f"attribute {name!r} {LATER}")
        elif name not in known:
            faults.append(f"attribute {name!r} is not known{nearest(str(name), sorted(known | later | set(ALIASES)))}")
    return faults
