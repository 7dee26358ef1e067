"""Waits until a fleet began with a token: every host counted at the flip and still in service has triggered, or failed.

That the roll goes on after this is the hosts' affair: the lane is free for the next release.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline_gen.errors import InfraError
from shipping.fleet import acks
from shipping.fleet.count import GRACE, count, judge
from shipping.lane.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline_gen.clock import Clock
    from pipeline_gen.config import FailedHosts
    from pipeline_gen.ports import VersionedStore
    from shipping.fleet.count import Count
    from shipping.fleet.inventory import Inventory
    from shipping.records.ack import State
    from shipping.records.lane import Token

POLL = 3.0
INVENTORY_EVERY = 30.0
"""Seconds. EC2 allows few calls, and a host that goes is missed by its silence first."""
PATIENCE = 300.0
"""Seconds beyond the spread in which hosts may fetch what they had not fetched before."""
NAMED = 10

STATES: tuple[State, ...] = ("fetched", "triggered", "serving", "complete", "failed")
Ending = Literal["triggered", "failed", "late", "empty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """``hosts`` are those counted at the flip to ``token``."""

    app: str
    environment: str
    token: Token
    hosts: tuple[str, ...]
    spread: float
    limit: FailedHosts
    patience: float = PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """How it ended, with the last count, after so many seconds. ``late``: some hosts had fetched at most when time was up."""

    ending: Ending
    count: Count
    allowed: int
    seconds: float

    @property
    def ok(self) -> bool:
        return self.ending == "triggered"

    def words(self) -> str:
        """Return one line that names every group of hosts that did not do what was asked."""
        found = self.count
        groups = (("failed", found.failed), ("silent", found.silent), ("late", found.waiting), ("gone", found.gone))
        named = [f"{word}: {some(hosts)}" for word, hosts in groups if hosts]
        began = f"{len(found.begun)} of {found.expected} hosts began in {self.seconds:.0f} s"
        return "; ".join([began, *named, f"{self.allowed} may fail or stay silent"] if named else [began])


def wait_triggered(
    wait: Wait, store: VersionedStore, inventory: Inventory, clock: Clock, say: Callable[[str], None]
) -> Waited:
    """Wait. Seconds are counted from this call on: a repeated attempt at it gives hosts no less time than the first.

    Raises InfraError where the bucket does not answer: then nothing is known, and the same call may be made again.
    """
    seen = _Seen(inventory, clock, say, fallback=frozenset(wait.hosts))
    begun, said = clock.monotonic(), ""
    while True:
        seconds = clock.monotonic() - begun
        found = _count(wait, store, seen.hosts(), seconds)
        verdict = judge(found, wait.limit)
        if verdict == "waiting" and seconds < wait.spread + wait.patience:
            line = _progress(found)
            if line != said:
                say(line)
                said = line
            clock.sleep(POLL)
            continue
        ending: Ending = "late" if verdict == "waiting" else verdict
        return Waited(ending=ending, count=found, allowed=wait.limit.among(found.expected), seconds=seconds)


class _Seen:
    """The inventory as it was seen last. One that does not answer is no reason to stop waiting for hosts that may be there."""

    def __init__(
        self, inventory: Inventory, clock: Clock, say: Callable[[str], None], *, fallback: frozenset[str]
    ) -> None:
        self._inventory = inventory
        self._clock = clock
        self._say = say
        self._hosts = fallback
        self._due = clock.monotonic()

    def hosts(self) -> frozenset[str]:
        if self._clock.monotonic() >= self._due:
            self._due = self._clock.monotonic() + INVENTORY_EVERY
            try:
                self._hosts = self._inventory.hosts()
            except InfraError as error:
                self._say(f"{error.message}; going on with the hosts that were seen last")
        return self._hosts


def _count(wait: Wait, store: VersionedStore, in_service: frozenset[str], seconds: float) -> Count:
    lane = Ledger(store, app=wait.app, environment=wait.environment).read()
    tokens = acks.since(lane, wait.token)
    # What was only fetched keeps a host from being silent, and tells nothing before that.
    states = STATES if seconds >= wait.spread + GRACE else ("triggered", "failed")
    said = acks.read(store, wait.app, wait.environment, tokens, states=states)
    return count(wait.token, wait.hosts, said, in_service=in_service, elapsed=seconds, spread=wait.spread)


def _progress(found: Count) -> str:
    bad = f", {len(found.failed)} failed" if found.failed else ""
    quiet = f", {len(found.silent)} silent" if found.silent else ""
    return f"{len(found.begun)} of {found.expected} hosts began{bad}{quiet}"


def some(hosts: Iterable[str]) -> str:
    """Return the first few names, and how many more there are."""
    names = sorted(hosts)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
