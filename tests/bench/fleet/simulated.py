"""Thousands of hosts on one simulated clock. Each is the real daemon with its real memory, reports and unpacking, on a disk in
memory, and the deploy job's real wait follows them; a roll is on paper, takes `ROLL` seconds and asks as real ones do.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count as numbers
from typing import TYPE_CHECKING, Any

from pipeline_gen.clock import ManualClock
from shipping.fleet.inventory import Listed
from shipping.fleet.waiting import wait_triggered
from shipping.host.daemon import Daemon, Parts
from shipping.host.decide import Host
from shipping.host.pace import POLL
from shipping.host.reading import Reading
from shipping.host.releases import DURABLE, Releases
from shipping.host.reports import BEACON_SECONDS, Reports
from tests.bench.fleet import arithmetic
from tests.bench.fleet.flip import flip, hint, ignore, lateness, wait
from tests.bench.fleet.metered import Meter, Metered
from tests.shipping.host.notes import Notes
from tests.shipping.host.site import ENVIRONMENT
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from shipping.fleet.waiting import Waited
    from shipping.host.points import Point
    from shipping.host.rolls import Release, Rolled
    from shipping.lane.machine import Wanted
    from shipping.memory import MemoryStore
    from shipping.records.lane import Token

ROLL = 20.0
QUIET = 60
AWAY = 25.0
SEED = 6


class World(ManualClock):
    """The time. Whoever sleeps on it lets all that is due meanwhile happen, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = numbers()

    def after(self, moment: datetime, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (moment + timedelta(seconds=seconds), next(self._order), do))

    def sleep(self, seconds: float) -> None:
        until = self.current + timedelta(seconds=seconds)
        while self._due and self._due[0][0] <= until:
            self.current, _, do = heapq.heappop(self._due)
            do()
        self.current = until


class Slow(Notes):
    """A roll that takes its time, and asks each second whether it is still wanted."""

    def __init__(self, file: Path, clock: ManualClock) -> None:
        super().__init__(file)
        self._clock = clock

    def roll(
        self,
        release: Release,
        *,
        triggered: Callable[[], None],
        serving: Callable[[], None],
        wanted: Callable[[], bool],
    ) -> Rolled:
        def served() -> None:
            serving()
            for _ in range(int(ROLL)):
                self._clock.sleep(1)
                wanted()

        return super().roll(release, triggered=triggered, serving=served, wanted=wanted)


@dataclass(kw_only=True)
class Simulation:
    """Hosts by these names, in one environment of a store that holds two releases."""

    folder: Path
    store: MemoryStore
    names: tuple[str, ...]
    spread: float
    world: World = field(default_factory=World)
    meter: Meter = field(default_factory=Meter)
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    starts: int = 0

    def start(self) -> None:
        """Start every daemon, all at one moment; those that ran are gone."""
        self.starts += 1
        for name in self.names:
            self._run(name)

    def _run(self, name: str) -> None:
        clock, mine = ManualClock(self.world.current), self.starts
        daemon = self._daemon(name, clock)

        def turn() -> None:
            if mine != self.starts:
                return
            clock.current = self.world.current
            pause = daemon.turn()
            self.world.after(clock.current, pause, turn)

        self.world.after(self.world.current, daemon.begin(), turn)

    def _daemon(self, name: str, clock: ManualClock) -> Daemon:
        store = Metered(store=self.store, meter=self.meter, clock=clock)
        folder = self.folder / name
        releases = Releases(folder, store, app=APP, at=lambda point: _settled(folder, point))
        return Daemon(
            Parts(
                app=APP,
                environment=ENVIRONMENT,
                host=Host(name=name, spread=self.spread),
                reading=Reading(store, app=APP, environment=ENVIRONMENT),
                releases=releases,
                reports=Reports(store, app=APP, environment=ENVIRONMENT, host=name, say=ignore),
                rolls=Slow(folder / "serving.json", clock),
                memory=folder / "memory.json",
                boot="boot-1",
                clock=clock,
                chance=self.chance.random,
                say=ignore,
            )
        )

    def wait(self, token: Token) -> Waited:
        """Wait as the deploy job does."""
        store = Metered(store=self.store, meter=self.meter, clock=self.world)
        return wait_triggered(wait(token, self.names, self.spread), store, Listed(names=self.names), self.world, ignore)


def _settled(folder: Path, point: Point) -> None:
    """Say that a disk in memory took what was unpacked: thousands of syncs of the whole machine would say no more."""
    if point == "release-kept":
        for release in (folder / "releases").iterdir():
            (release / DURABLE).touch()


def simulate(simulation: Simulation, first: Wanted, second: Wanted) -> dict[str, Any]:
    """Bring a fleet onto one release, have it fetch the next, flip, wait, and see it through; then what befalls fleets."""
    world, meter, hosts = simulation.world, simulation.meter, len(simulation.names)
    flip(simulation.store, first, simulation.names)
    simulation.start()
    world.sleep(2 * ROLL + POLL)
    hint(simulation.store, second)
    meter.clear()
    world.sleep(2 * ROLL)
    fetched = meter.bytes / hosts
    meter.clear()
    world.sleep(QUIET)
    quiet, at_rest = Counter(meter.requests), meter.busiest
    token = flip(simulation.store, second, simulation.names)
    begun = world.monotonic()
    meter.clear()
    waited = simulation.wait(token)
    lists = meter.requests["LIST"]
    world.sleep(simulation.spread + 2 * ROLL)
    return {
        "hosts": hosts,
        "spread": simulation.spread,
        "triggered": lateness(
            {name: at - begun for name, at in meter.triggered.items()}, token, spread=simulation.spread
        ),
        "wait": {"ending": waited.ending, "seconds": round(waited.seconds, 1), "lists": lists},
        "bytes per host": {"fetched beforehand": round(fetched), "of the flip": round(meter.bytes / hosts)},
        "requests per host and flip": {
            kind: round(meter.requests[kind] / hosts, 2) for kind in ("PUT ack", "PUT beacon")
        },
        "dollars a month": _dollars(quiet, meter.requests, lists, hosts),
        "lane reads per second": {
            "mean": round(quiet["GET lane"] / QUIET),
            "expected at most": round(arithmetic.busiest(hosts, simulation.spread)),
            "busiest at rest": at_rest,
            "busiest of the deploy": meter.busiest,
            **_troubles(simulation),
        },
        "writes in the deploy's busiest second": max(meter.writes.values()),
    }


def _troubles(simulation: Simulation) -> dict[str, int]:
    """Return the busiest second after all daemons were started in one, and after a bucket that answered nobody is back."""
    world, kept = simulation.world, simulation.meter.writes
    simulation.meter.clear()
    simulation.start()
    world.sleep(QUIET)
    started = simulation.meter.busiest
    simulation.meter.clear()
    simulation.meter.away = world.monotonic() + AWAY
    world.sleep(AWAY + QUIET)
    away = simulation.meter.busiest
    simulation.meter.writes = kept
    return {"busiest after all are started at once": started, f"busiest from {AWAY:g} s without S3 on": away}


def _dollars(quiet: Counter[str], of_flip: Counter[str], lists: int, hosts: int) -> dict[str, float]:
    """Return what a month costs: polling always, beacons every 15 minutes too, the rest per deploy."""
    always = hosts * arithmetic.MONTH / BEACON_SECONDS / arithmetic.DEPLOYS
    return arithmetic.dollars(
        polls=(quiet["GET lane"] + quiet["GET hint"]) / QUIET,
        acks=of_flip["PUT ack"],
        beacons=of_flip["PUT beacon"] + always,
        lists=lists,
    )
