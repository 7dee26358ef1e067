"""What the edge must do about a transition, all of it in one transaction before the event is acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipping.local.engine.records import Notification, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Keep this record; it replaces the one with its id."""

    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Drop a build with all that belongs to it."""

    build: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPipeline:
    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMetaData:
    build: str
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Add a line of ours to the end of a job's log."""

    job: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTriggered:
    """Make the build that a trigger job asks for: by an event of its own, once this one is committed."""

    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Write down who would be told."""

    notification: Notification


AnyCommand = Put | Forget | ForgetPipeline | SetMetaData | Note | StartTriggered | Notify
