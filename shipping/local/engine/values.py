"""Reads one attribute's value. Each reader returns the value or raises ValueError with what is allowed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shipping.local.engine.kinds import Dependency, ManualRetry, RetryRule

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP_LIMIT = 200
KEY_LIMIT = 100
SKIP_LIMIT = 70
META_DATA_LIMIT = 100 * 1024
"""Bytes of one value."""

KEY = re.compile(rf"[A-Za-z0-9_\-:.,]{{1,{KEY_LIMIT}}}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
SIGNAL_REASONS = (
    "*",
    "none",
    "cancel",
    "agent_stop",
    "agent_refused",
    "agent_incompatible",
    "process_run_error",
    "signature_rejected",
    "stack_error",
)


def text(value: object) -> str:
    """Return a string; nothing is the empty one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise ValueError("must be a string")


def flag(value: object) -> bool:
    """Return a boolean, also from the words that YAML without a schema leaves; nothing is false."""
    if isinstance(value, bool):
        return value
    if value in (None, "true", "false"):
        return value == "true"
    raise ValueError("must be true or false")


def number(value: object, *, least: int, most: int) -> int:
    """Return a whole number within the bounds, also from its digits."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise ValueError(f"must be a whole number from {least} to {most}")


def key(value: object) -> str | None:
    """Return a step's key, None where there is none."""
    if value in (None, ""):
        return None
    if isinstance(value, str) and KEY.fullmatch(value) and not UUID.fullmatch(value):
        return value
    raise ValueError(f"must be at most {KEY_LIMIT} letters, digits, or _ - : . , and not look like a UUID")


def lines(value: object) -> str:
    """Return a command: a string, or a list of strings as lines."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    raise ValueError("must be a string or a list of strings")


def scalar(value: object) -> str:
    """Return a value as the environment carries it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError("values must be strings, numbers or booleans")


def variables(value: object) -> dict[str, str]:
    """Return environment variables, their values as text."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return {str(name): scalar(content) for name, content in value.items()}
    raise ValueError("must be a map of names to values")


def meta_data(value: object) -> dict[str, str]:
    """Return a build's meta-data, none of its values longer than Buildkite keeps."""
    found = variables(value)
    for name, content in found.items():
        if len(content.encode()) > META_DATA_LIMIT:
            raise ValueError(f"value of {name!r} must be at most {META_DATA_LIMIT} bytes")
    return found


def rules(value: object) -> tuple[str, ...]:
    """Return agent query rules as ``key=value``, from a map or a list."""
    if value is None:
        return ()
    if isinstance(value, dict):
        return tuple(f"{name}={scalar(wanted)}" for name, wanted in value.items())
    if isinstance(value, list) and all(isinstance(rule, str) and "=" in rule for rule in value):
        return tuple(value)
    raise ValueError("must be a map, or a list of 'key=value'")


def plugins(value: object) -> tuple[Any, ...]:
    """Return plugins as the agent reads them: a list of one-key maps, name to configuration (or null)."""
    if value is None:
        return ()
    entries = [{name: config} for name, config in value.items()] if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise ValueError("must be a list of plugins")  # noqa: TRY004 - a fault of the document, as all others here
    found: list[Any] = []
    for entry in entries:
        one = {entry: None} if isinstance(entry, str) else entry
        if not isinstance(one, dict) or len(one) != 1:
            raise ValueError("each plugin must be a name, or a map of one name to its configuration")
        if not all(config is None or isinstance(config, dict) for config in one.values()):
            raise ValueError("the configuration of a plugin must be a map or null")
        found.append(one)
    return tuple(found)


def paths(value: object) -> tuple[str, ...]:
    """Return artifact globs, from a list or one string joined by semicolons."""
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";") if part.strip())
    if isinstance(value, list) and all(isinstance(path, str) for path in value):
        return tuple(value)
    raise ValueError("must be a glob or a list of globs")


def skip(value: object) -> str:
    """Return why the step is skipped, or nothing."""
    if value in (None, False, "", "false"):
        return ""
    if value is True:
        return "skipped"
    if isinstance(value, str) and len(value) <= SKIP_LIMIT:
        return value
    raise ValueError(f"must be true, false, or a reason of at most {SKIP_LIMIT} characters")


def dependencies(value: object) -> tuple[Dependency, ...]:
    """Return what ``depends_on`` names; nothing is no dependency at all."""
    entries = [] if value is None else value if isinstance(value, list) else [value]
    found: list[Dependency] = []
    for entry in entries:
        if isinstance(entry, str):
            found.append(Dependency(step=entry))
        elif (
            isinstance(entry, dict)
            and isinstance(entry.get("step"), str)
            and not set(entry) - {"step", "allow_failure"}
        ):
            found.append(Dependency(step=entry["step"], allow_failure=flag(entry.get("allow_failure", False))))
        else:
            raise ValueError("must be a key, or a list of keys or {step: key, allow_failure: true}")
    return tuple(found)


def slots(value: object) -> int | None:
    """Return how many jobs of a concurrency group may run at once, None where nothing limits them."""
    return None if value is None else number(value, least=1, most=10**6)


def concurrency_group(value: object) -> str:
    """Return the name of a concurrency group, nothing where there is none."""
    name = text(value)
    if len(name) > GROUP_LIMIT:
        raise ValueError(f"must be at most {GROUP_LIMIT} characters")
    return name


def concurrency_method(value: object) -> None:
    """Accept the documented default; the other method is refused by its name."""
    if value == "eager":
        raise ValueError("is not implemented by the local Buildkite but for 'ordered'")
    if value not in (None, "ordered"):
        raise ValueError("must be 'ordered'")


def unpaired(named: Mapping[str, object]) -> list[str]:
    """Return the faults of a limit without its group, and the reverse. Buildkite: "missing concurrency_group_id"."""
    pair = ("concurrency", "concurrency_group")
    needed = (pair, pair[::-1], ("concurrency_method", "concurrency"))
    return [
        f"attribute {one!r} needs {other!r} beside it (missing concurrency_group_id)"
        for one, other in needed
        if named.get(one) is not None and named.get(other) in (None, "")
    ]


def soft_fail(value: object) -> tuple[int | str, ...]:
    """Return the exit statuses that are forgiven, ``*`` for all."""
    if value in (None, False, "false"):
        return ()
    if value in (True, "true"):
        return ("*",)
    entries = value if isinstance(value, list) else [value]
    found: list[int | str] = []
    for entry in entries:
        if not isinstance(entry, dict) or set(entry) != {"exit_status"}:
            raise ValueError("must be true, false, or a list of {exit_status: number or '*'}")
        found.extend(_statuses(entry["exit_status"]))
    return tuple(found)


def retry(value: object) -> tuple[tuple[RetryRule, ...], ManualRetry]:
    """Return the automatic rules and the manual one."""
    if value is None:
        return (), ManualRetry()
    if not isinstance(value, dict) or set(value) - {"automatic", "manual"}:
        raise ValueError("must be a map with 'automatic' and 'manual'")
    return _automatic(value.get("automatic")), _manual(value.get("manual"))


def _automatic(value: object) -> tuple[RetryRule, ...]:
    if value in (None, False, "false"):
        return ()
    if value in (True, "true"):
        return (RetryRule(exit_status=("*",), limit=2),)
    return tuple(_rule(entry) for entry in (value if isinstance(value, list) else [value]))


def _rule(entry: object) -> RetryRule:
    if not isinstance(entry, dict) or set(entry) - {"exit_status", "signal", "signal_reason", "limit"}:
        raise ValueError("automatic rules must be maps of exit_status, signal, signal_reason, limit")
    reasons, signals = _words(entry.get("signal_reason")), _words(entry.get("signal"))
    for reason in reasons:
        if reason not in SIGNAL_REASONS:
            raise ValueError(f"signal_reason {reason!r} must be one of {', '.join(SIGNAL_REASONS)}")
    asked = entry.get("exit_status", "*" if not (signals or reasons) else None)
    return RetryRule(
        exit_status=() if asked is None else _statuses(asked),
        signal=signals,
        signal_reason=reasons,
        limit=number(entry.get("limit", 2), least=0, most=10),
    )


def _words(value: object) -> tuple[str, ...]:
    return tuple(text(word) for word in (value if isinstance(value, list) else [value]) if word not in (None, ""))


def _statuses(value: object) -> tuple[int | str, ...]:
    entries = value if isinstance(value, list) else [value]
    return tuple("*" if entry == "*" else number(entry, least=-1, most=255) for entry in entries)


def _manual(value: object) -> ManualRetry:
    if value is None:
        return ManualRetry()
    if isinstance(value, (bool, str)):
        return ManualRetry(allowed=flag(value))
    if not isinstance(value, dict) or set(value) - {"allowed", "permit_on_passed", "reason"}:
        raise ValueError("manual must be true, false, or a map of allowed, permit_on_passed, reason")
    return ManualRetry(
        allowed=flag(value.get("allowed", True)),
        permit_on_passed=flag(value.get("permit_on_passed", True)),
        reason=text(value.get("reason")),
    )
