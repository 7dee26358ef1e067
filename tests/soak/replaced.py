"""Replace groups of one server in one order by one driver, under customers who never ask twice, and count."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shipping.demo.load import Customers, Load
from shipping.host.driver import Transition, unheard
from shipping.host.roll import Limits, Roller
from shipping.host.rolls import Release
from shipping.host.supervisor import Supervisor
from shipping.host.systemd import Systemd
from shipping.records.process import ProcessType
from tests.shipping.host.hosts import free_port, until
from tests.soak.at_risk import connections
from tests.soak.servers import BROKEN, COMMANDS, DRAIN, SERVERS
from tests.systemd.world import a_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from shipping.demo.load import Counted
    from shipping.host.driver import Reached
    from shipping.host.rolls import Rolled
    from shipping.records.process import Order

    # Opens a cell's driver, as a daemon that is started does.
    Opened = Callable[[Reached], AbstractContextManager[Supervisor | Systemd]]

RATE = float(os.environ.get("SHIP_CERTIFICATE_RATE", "40"))
FALSE_READY, READY = 3.0, 60.0
"""Seconds that a group may take: one that never gets ready is not waited for as long as one that does on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One server in one order by one driver: so many of its groups are replaced by a good release."""

    driver: str
    server: str
    order: Order
    groups: int
    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def process(self) -> ProcessType:
        # Two groups: where the old one is stopped first, another one must serve meanwhile.
        return ProcessType(
            name="web",
            command=tuple(COMMANDS[self.server]),
            count=2,
            ready="/readyz",
            version="/version",
            drain=DRAIN,
            order=self.order,
        )

    def release(self, number: int, behaviour: str = "good") -> Release:
        place = self.folder / "releases" / f"{number:04d}"
        place.mkdir(parents=True)
        (place / "behaviour").write_text(behaviour)
        return Release(commit=f"c{number:04d}", folder=place, processes=(self.process,))


@dataclass(slots=True, kw_only=True)
class Ran:
    """What a cell went through. ``risks``: connections at each group that was told to drain; ``replaced``: those of each that
    had some and that a good release replaced.
    """

    broken: Counter[str] = field(default_factory=Counter)
    risks: list[int] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    rolls: list[float] = field(default_factory=list)


@contextmanager
def built_in(cell: Cell) -> Iterator[Opened]:
    """The driver of the local world."""
    addresses, env = {"web": ("127.0.0.1", cell.port)}, environment(cell.folder)
    yield lambda reached: Supervisor(cell.folder / "run", addresses=addresses, env=env, reached=reached)


@contextmanager
def by_systemd(cell: Cell) -> Iterator[Opened]:
    """The driver of machines, over a systemd of the cell's own."""
    addresses, env = {"web": ("127.0.0.1", cell.port)}, environment(cell.folder)
    with a_world() as world:
        yield lambda reached: Systemd(
            cell.folder / "run",
            name=f"cell-{cell.port}",
            user="root",
            addresses=addresses,
            env=env,
            units=world.units,
            systemctl=world.systemctl,
            reached=reached,
        )


DRIVERS: Mapping[str, Callable[[Cell], AbstractContextManager[Opened]]] = {"built-in": built_in, "systemd": by_systemd}


def replace(cell: Cell) -> dict[str, Any]:
    """Replace the cell's groups, and return the figures."""
    with in_service(cell) as opened, Load(customers(cell.port)) as load:
        quiet(2)
        ran = _roll_on(cell, opened)
        quiet(2)
    return {
        "driver": cell.driver,
        "server": cell.server,
        "order": cell.order,
        "groups_replaced": len(ran.replaced),
        "releases_broken": dict(ran.broken),
        "drains": len(ran.risks),
        "least_at_risk": min(ran.replaced),
        "at_risk": sum(ran.risks),
        **judged(cell.folder, load.counted),
        "seconds_per_roll": round(statistics.median(ran.rolls), 1),
    }


@contextmanager
def in_service(cell: Cell) -> Iterator[Opened]:
    """Have a first release serve; at the end nothing of the cell runs."""
    with DRIVERS[cell.driver](cell) as opened:
        try:
            first = roll(opened, cell.release(1))
            assert first.ok, first.why
            yield opened
        finally:
            with opened(unheard) as driver:
                driver.stop()


def roll(opened: Opened, release: Release, *, ready: float = READY, reached: Reached = unheard) -> Rolled:
    """Roll as a daemon that was started just now."""
    with opened(reached) as driver:
        return Roller(driver, limits=Limits(ready=ready)).roll(release)


def _roll_on(cell: Cell, opened: Opened) -> Ran:
    """Roll from release to release until so many groups that had customers were replaced by a good one; 1 in 5 is broken."""
    ran = Ran()

    def reached(transition: Transition, what: str) -> None:
        if transition is Transition.DRAIN_NOTED:
            ran.risks.append(connections(what, cell.port))

    number = 1
    while len(ran.replaced) < cell.groups:
        number += 1
        behaviour = BROKEN[number // 5 % len(BROKEN)] if number % 5 == 0 else "good"
        begun, before = time.monotonic(), len(ran.risks)
        ready = FALSE_READY if behaviour in {"dies", "unready", "wrong"} else READY
        rolled = roll(opened, cell.release(number, behaviour), ready=ready, reached=reached)
        assert rolled.ok == (behaviour == "good"), rolled.why
        if rolled.ok:
            ran.replaced += [risk for risk in ran.risks[before:] if risk > 0]
            ran.rolls.append(time.monotonic() - begun)
        else:
            ran.broken[behaviour] += 1
    return ran


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SERVERS),
        "LEDGER": str(folder / "ledger"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def customers(port: int, rate: float = RATE) -> Customers:
    """Return the customers of a run. A slow request takes longer than a server that drains keeps idle connections (1 s)."""
    return Customers(host="127.0.0.1", port=port, rate=rate, slow=1.3, slow_every=2, post_every=4)


def quiet(seconds: float) -> None:
    """Let the load run for a while."""
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > seconds, seconds + 30)


def judged(folder: Path, counted: Counted) -> dict[str, Any]:
    """Return the figures of a run, ids compared with what the application wrote down."""
    ledger = folder / "ledger"
    written = Counter(ledger.read_text().split()) if ledger.exists() else Counter()
    return {
        "sent": counted.sent,
        "answered": counted.answered,
        "failed": counted.failed,
        "reused_connections": counted.reused,
        "new_connections": counted.fresh,
        "closed_between_requests": counted.closed,
        "posted": len(counted.posted),
        "duplicated": sum(count - 1 for count in written.values()),
        "posts_not_written": len(set(counted.posted) - written.keys()),
        "why": dict(Counter(one.why for one in counted.failures).most_common(5)),
    }
