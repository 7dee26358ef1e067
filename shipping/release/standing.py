"""What each environment must run and runs, who locked it, what waits, and how its hosts are. Reads, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import ShipError
from shipping.fleet.inventory import open_inventory
from shipping.fleet.standing import look
from shipping.lane import keys
from shipping.records.history import Entry
from shipping.records.run import Run
from shipping.release import keys as numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline_gen.config import Fleet
    from pipeline_gen.ports import Store
    from shipping.fleet.inventory import Inventory
    from shipping.fleet.standing import Hosts
    from shipping.lane.ledger import Ledger
    from shipping.records.lane import Lane, Token, Transition

MOST_PENDING = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A cleared release by its place among main's first parents."""

    position: int
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One environment. ``flipped`` chose what is wanted. ``error``: it could not be read.

    ``run`` is the deploy command's last for the wanted release, ``live`` the last that succeeded for any. ``hosts``: where it
    has a fleet. ``pending``: what is cleared and newer than what is wanted, newest first, at most `MOST_PENDING`.
    """

    environment: str
    lane: Lane | None = None
    flipped: Transition | None = None
    run: Run | None = None
    live: Run | None = None
    hosts: Hosts | None = None
    pending: tuple[Release, ...] = ()
    error: ShipError | None = None

    def to_json(self) -> dict[str, Any]:
        lane, flipped = self.lane, self.flipped
        return {
            "environment": self.environment,
            "error": None if self.error is None else self.error.message,
            "token": None if lane is None else str(lane.token),
            "pointer": None if lane is None or lane.pointer is None else lane.pointer.to_json(),
            "since": None if flipped is None else flipped.at,
            "by": None if flipped is None else flipped.actor,
            "lock": None if lane is None or lane.lock is None else lane.lock.to_json(),
            "halted": None if lane is None else lane.halted,
            "floor": None if lane is None else lane.floor,
            "deploy": None if self.run is None else {"status": self.run.status, "at": self.run.at},
            "live": None if self.live is None else {"commit": self.live.commit, "at": self.live.at},
            "hosts": None if self.hosts is None else self.hosts.to_json(),
            "pending": [{"commit": one.commit, "position": one.position} for one in self.pending],
            "transitions": [] if lane is None else [one.to_json() for one in lane.transitions],
        }


def standing(
    ledger: Ledger,
    store: Store,
    app: str,
    *,
    fleet: Fleet | None,
    tagged: Callable[[str, str], Inventory],
    now: datetime,
) -> Standing:
    """Look at one environment. What cannot be read is said, and keeps nobody from looking at the others.

    ``fleet``: that of the configuration; ``tagged`` opens the inventory of a tag.
    """
    try:
        lane = ledger.read()
        entry = _entry(store, app, lane)
        flipped = _flipped(lane, entry)
        run = None if lane.pointer is None else _last_run(store, app, lane.environment, lane.pointer.token)
        return Standing(
            environment=ledger.environment,
            lane=lane,
            flipped=flipped,
            run=run,
            live=None if fleet is not None else run if run is not None and run.status == 0 else _live(store, app, lane),
            hosts=None if fleet is None else _hosts(store, app, lane, fleet, tagged, entry, flipped, now),
            pending=_pending(store, app, lane),
        )
    except ShipError as error:
        return Standing(environment=ledger.environment, error=error)


def _entry(store: Store, app: str, lane: Lane) -> Entry | None:
    """Return the history of the transition that chose what is wanted."""
    if lane.pointer is None:
        return None
    key = keys.history(app, lane.environment, lane.pointer.token)
    stored = store.get(key)
    return None if stored is None else Entry.decode(stored.body, where=key)


def _flipped(lane: Lane, entry: Entry | None) -> Transition | None:
    """Return the transition that chose what is wanted; the history tells where it is too long ago for the lane to."""
    if lane.pointer is None:
        return None
    recent = next((one for one in lane.transitions if one.token == lane.pointer.token), None)
    return recent or (None if entry is None else entry.transition)


def _hosts(
    store: Store,
    app: str,
    lane: Lane,
    fleet: Fleet,
    tagged: Callable[[str, str], Inventory],
    entry: Entry | None,
    flipped: Transition | None,
    now: datetime,
) -> Hosts | None:
    if lane.pointer is None:
        return None
    elapsed = 0.0 if flipped is None else (now - datetime.fromisoformat(flipped.at)).total_seconds()
    return look(
        store,
        lane,
        app,
        lane.pointer.token,
        fleet,
        counted=None if entry is None else entry.hosts,
        inventory=open_inventory(fleet, tagged),
        elapsed=elapsed,
    )


def _live(store: Store, app: str, lane: Lane) -> Run | None:
    """Return the last run of a deploy command that succeeded, as far back as the lane tells."""
    tokens = (one.token for one in reversed(lane.transitions) if one.kind in {"flip", "rollback"})
    runs = (_last_run(store, app, lane.environment, token) for token in tokens)
    return next((run for run in runs if run is not None and run.status == 0), None)


def _last_run(store: Store, app: str, environment: str, token: Token) -> Run | None:
    found = list(numbers.numbered(store, keys.deploys(app, environment, token)).values())
    stored = store.get(found[-1]) if found else None
    return None if stored is None else Run.decode(stored.body, where=found[-1])


def _pending(store: Store, app: str, lane: Lane) -> tuple[Release, ...]:
    """Return what the list of clearances names beyond what is wanted. A hint for people; deploys read the clearances."""
    wanted = -1 if lane.pointer is None else lane.pointer.position
    listed = (keys.cleared_release(key) for key in store.list(keys.cleared(app)))
    newer = takewhile(lambda one: one[0] > wanted, (one for one in listed if one is not None))
    return tuple(
        Release(position=position, commit=commit)
        for (position, commit), _ in zip(newer, range(MOST_PENDING), strict=False)
    )
