"""Which transitions a fleet followed to the end, and which of them are good to go back to. Pure; asked for, never stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shipping.fleet.count import count

if TYPE_CHECKING:
    from collections.abc import Collection

    from shipping.fleet.acks import Acks
    from shipping.records.history import Entry

WATCHED = timedelta(minutes=10)
DROP = "DROP"


def covered(entry: Entry, acks: Acks, *, in_service: frozenset[str]) -> bool:
    """Tell whether every host counted at a transition, and in service still, completed it or a later one.

    Not where nobody wrote down who was counted, and not where none of them is left: no data is not a yes.
    """
    token = entry.transition.token
    if entry.pointer is None or entry.pointer.token != token or entry.hosts is None:
        return False
    found = count(token, entry.hosts, acks, in_service=in_service, elapsed=0.0, spread=0.0)
    return found.expected > 0 and len(found.complete) == found.expected


def good(entry: Entry, acks: Acks, *, in_service: frozenset[str], verdicts: Collection[str], now: datetime) -> bool:
    """Tell whether a transition is covered, was watched for its ten minutes, and no heartbeat dropped in them.

    ``verdicts`` are the heartbeats' on its release; ``now`` is aware.
    """
    watched = now - datetime.fromisoformat(entry.transition.at) >= WATCHED
    return watched and DROP not in verdicts and covered(entry, acks, in_service=in_service)
