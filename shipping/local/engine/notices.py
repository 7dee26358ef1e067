"""The ``notify`` of a document: who is to be told, and of what. Nobody is told anything here: it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shipping.local.engine.conditions.condition import Condition, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ENDS = ("build.failing", "build.finished")
STEP_ENDS = ("step.failing", "step.finished")
COURSE = ("build.created", "build.started", "build.blocked", "build.finished")
OF_BUILD: Mapping[str, tuple[str, ...]] = {
    "email": ENDS,
    "slack": ENDS,
    "github_commit_status": ENDS,
    "github_check": ENDS,
    "pagerduty_change_event": ("build.finished",),
    "webhook": COURSE,
    "basecamp_campfire": (*COURSE, "build.skipped"),
}
OF_STEP: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("slack", "github_commit_status", "github_check", "basecamp_campfire"), STEP_ENDS
)
BARE = ("github_commit_status", "github_check")
"""May stand alone, as a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """``channel`` names the service and whom it tells, without what is secret in an address."""

    channel: str
    events: tuple[str, ...]
    message: str
    condition: Condition


def of_build(value: object) -> tuple[Any, ...]:
    """Return a build's ``notify`` as it stands; raises ValueError with what is wrong in it."""
    return _checked(value, of_step=False)


def of_step(value: object) -> tuple[Any, ...]:
    """Return a step's ``notify`` as it stands; raises ValueError with what is wrong in it."""
    return _checked(value, of_step=True)


def notices(entries: Iterable[Any], *, of_step: bool) -> Iterator[Notice]:
    """Yield what the entries say; raises ValueError."""
    known = OF_STEP if of_step else OF_BUILD
    for entry in entries:
        named = {entry: None} if isinstance(entry, str) and entry in BARE else entry
        if not isinstance(named, dict) or len(set(named) - {"if"}) != 1:
            raise ValueError("must be a list of maps, each of one service and perhaps 'if'")
        (service,) = set(named) - {"if"}
        if service not in known:
            raise ValueError(f"cannot notify by {service!r} here, only by {', '.join(sorted(known))}")
        target, message = _target(service, named[service])
        channel = f"{service} {target}".strip()
        condition = read(named.get("if"), of_step=of_step)
        yield Notice(channel=channel, events=known[service], message=message, condition=condition)


def _checked(value: object, *, of_step: bool) -> tuple[Any, ...]:
    entries = [] if value is None else value if isinstance(value, list) else [value]
    found = tuple(entries)
    for _ in notices(found, of_step=of_step):
        pass
    return found


def _target(service: str, told: object) -> tuple[str, str]:
    """Return whom the service tells, and with which words. Keys and the paths of web addresses let anybody write there."""
    if service in BARE and (told is None or isinstance(told, dict)):
        settings: Mapping[str, Any] = told or {}
        return str(settings.get("context") or settings.get("name") or ""), ""
    if service == "slack" and isinstance(told, dict):
        channels = told.get("channels")
        if not isinstance(channels, list) or not channels or not all(isinstance(one, str) for one in channels):
            raise ValueError("slack must name its 'channels' as a list")
        return ", ".join(channels), str(told.get("message") or "")
    if not isinstance(told, str) or not told:
        raise ValueError(f"{service} must be a string")
    if service in ("webhook", "basecamp_campfire"):
        return urlsplit(told).hostname or "", ""
    return ("" if service == "pagerduty_change_event" else told), ""
