"""A fleet of 5,000 hosts follows one flip: how long until all began, and what that asks of the bucket.

`python -m tests.bench.fleet [--hosts N] [--real N]`. Every host is the real daemon with its real memory, reports and unpacking,
on a disk in memory, and the deploy job's real wait follows them. Simulated are the clock and the store, which counts; a roll is
on paper and takes `ROLL` seconds. Beside it real daemons, each a process over a real S3 server, follow a flip of their own, and
as many simulated ones of the same names the same flip.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count as numbers
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline_gen.clock import ManualClock, SystemClock
from pipeline_gen.config import FailedHosts, Layer
from shipping.fleet.inventory import Listed
from shipping.fleet.waiting import Wait, wait_triggered
from shipping.host.config import HostConfig
from shipping.host.daemon import JITTER, POLL, Daemon, Parts
from shipping.host.decide import Host, slot
from shipping.host.reading import Reading
from shipping.host.releases import DURABLE, Releases
from shipping.host.reports import BEACON_SECONDS, Reports
from shipping.host.running import serve, stop_on_signals
from shipping.lane import keys, machine
from shipping.lane.ledger import Change, Ledger
from shipping.lane.machine import Act, Wanted
from shipping.local.objects import running
from shipping.memory import MemoryStore
from shipping.records.following import Following
from tests.shipping.host.notes import Notes
from tests.shipping.host.site import ENVIRONMENT, open_site
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from pipeline_gen.ports import Stored, VersionedStore
    from shipping.fleet.waiting import Waited
    from shipping.host.points import Point
    from shipping.local.objects import ObjectServer
    from shipping.records.lane import Token

HOSTS, REAL = 5000, 20
SPREAD, REAL_SPREAD = 60.0, 10.0
BEYOND = 6.0
"""Seconds that a host may be behind its moment: it polls every 5 to 6 s."""
MOST_READS = 1000
ROLL = 20.0
QUIET = 60
SEED = 6
# Of S3 Standard in us-east-1, in dollars: GET and HEAD (a 304 is one), and PUT and LIST.
READ, WRITE = 0.0004 / 1000, 0.005 / 1000
MONTH = 30 * 24 * 3600
DEPLOYS = 180 * 22
SMALL = Layer(name="app", keep=("inbox/web.py",))


@dataclass(kw_only=True)
class Meter:
    """What was asked of the store: requests by kind, reads of the lane by second, bytes of answers, and when acks came."""

    requests: Counter[str] = field(default_factory=Counter)
    lane_reads: Counter[int] = field(default_factory=Counter)
    bytes: int = 0
    triggered: dict[str, float] = field(default_factory=dict)

    def clear(self) -> None:
        self.__init__()  # type: ignore[misc]


@dataclass(kw_only=True)
class Counted:
    """The store as one client sees it, who is counted at the time of its own clock."""

    store: MemoryStore
    meter: Meter
    clock: ManualClock
    name: str = "simulated"

    def create(self, key: str, body: bytes) -> bool:
        self.meter.requests["PUT ack" if "/acks/" in key else "PUT"] += 1
        if "/triggered/" in key:
            self.meter.triggered[key.rpartition("/")[2]] = self.clock.monotonic()
        return self.store.create(key, body)

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:
        self.meter.requests["PUT beacon" if "/beacons/" in key else "PUT"] += 1
        return self.store.replace(key, body, version=version)

    def get(self, key: str) -> Stored | None:
        found = self.store.get(key)
        self._read("GET", 0 if found is None else len(found.body))
        return found

    def poll(self, key: str, *, known: str | None) -> Stored | Literal["unchanged"] | None:
        found = self.store.poll(key, known=known)
        lane = "/lanes/" in key
        self._read(
            "GET lane" if lane else "GET hint", 0 if found is None or isinstance(found, str) else len(found.body)
        )
        if lane:
            self.meter.lane_reads[int(self.clock.monotonic())] += 1
        return found

    def size(self, key: str) -> int | None:
        self._read("HEAD", 0)
        return self.store.size(key)

    def open(self, key: str) -> Iterator[bytes] | None:
        self._read("GET", self.store.size(key) or 0)
        return self.store.open(key)

    def list(self, prefix: str) -> Iterator[str]:
        found = list(self.store.list(prefix))
        self.meter.requests["LIST"] += max(1, -(-len(found) // 1000))
        return iter(found)

    def _read(self, kind: str, size: int) -> None:
        self.meter.requests[kind] += 1
        self.meter.bytes += size


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

    def start(self) -> None:
        """Start every daemon at a moment of its own: machines boot when they do."""
        for name in self.names:
            self.world.after(self.world.current, self.chance.uniform(0, POLL + JITTER), self._turns(name))

    def _turns(self, name: str) -> Callable[[], None]:
        clock = ManualClock(self.world.current)
        made: list[Daemon] = []

        def turn() -> None:
            clock.current = self.world.current
            if not made:
                made.append(self._daemon(name, clock))
            wait = made[0].turn()
            self.world.after(clock.current, wait, turn)

        return turn

    def _daemon(self, name: str, clock: ManualClock) -> Daemon:
        store = Counted(store=self.store, meter=self.meter, clock=clock)
        folder = self.folder / name
        releases = Releases(folder, store, app=APP, at=lambda point: _settled(folder, point))
        return Daemon(
            Parts(
                app=APP,
                environment=ENVIRONMENT,
                host=Host(name=name, spread=self.spread),
                reading=Reading(store, app=APP, environment=ENVIRONMENT),
                releases=releases,
                reports=Reports(store, app=APP, environment=ENVIRONMENT, host=name, say=_ignore),
                rolls=Notes(folder / "serving.json", middle=lambda _release: clock.sleep(ROLL)),
                memory=folder / "memory.json",
                boot="boot-1",
                clock=clock,
                chance=self.chance.random,
                say=_ignore,
            )
        )

    def wait(self, token: Token) -> Waited:
        """Wait as the deploy job does."""
        store = Counted(store=self.store, meter=self.meter, clock=self.world)
        return wait_triggered(
            _wait(token, self.names, self.spread),
            store,
            Listed(names=self.names),
            self.world,
            _ignore,
        )


def _settled(folder: Path, point: Point) -> None:
    """Say that a disk in memory took what was unpacked: thousands of syncs of the whole machine would say no more."""
    if point == "release-kept":
        for release in (folder / "releases").iterdir():
            (release / DURABLE).touch()


def _ignore(_thing: object) -> None:
    pass


def _wait(token: Token, names: tuple[str, ...], spread: float) -> Wait:
    return Wait(
        app=APP, environment=ENVIRONMENT, token=token, hosts=names, spread=spread, limit=FailedHosts(percent=1.0)
    )


def flip(store: VersionedStore, wanted: Wanted, names: tuple[str, ...]) -> Token:
    act = Act(id=f"flip-{wanted.position}", at="2026-01-01T00:00:00.000Z", actor="a bench", reason="to see")
    done = Ledger(store, app=APP, environment=ENVIRONMENT).change(
        act, lambda lane: machine.flip(lane, wanted, act), hosts=names
    )
    assert isinstance(done, Change), done
    return done.transition.token


def hint(store: VersionedStore, wanted: Wanted) -> None:
    body = Following(commit=wanted.commit, slug=wanted.slug, position=wanted.position).encode()
    assert store.replace(keys.following(APP, ENVIRONMENT), body, version=None) is not None


def simulate(simulation: Simulation, first: Wanted, second: Wanted) -> dict[str, Any]:
    """Bring a fleet onto one release, have it fetch the next, flip, wait, and see it through."""
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
    quiet = Counter(meter.requests)
    token = flip(simulation.store, second, simulation.names)
    begun = world.monotonic()
    meter.clear()
    waited = simulation.wait(token)
    lists = meter.requests["LIST"]
    world.sleep(simulation.spread + 2 * ROLL)
    late = _lateness({name: at - begun for name, at in meter.triggered.items()}, token, simulation.spread)
    return {
        "hosts": hosts,
        "spread": simulation.spread,
        "triggered": late,
        "wait": {"ending": waited.ending, "seconds": round(waited.seconds, 1), "lists": lists},
        "lane reads per second": {"mean": round(quiet["GET lane"] / QUIET), "most": max(meter.lane_reads.values())},
        "bytes per host": {"fetched beforehand": round(fetched), "of the flip": round(meter.bytes / hosts)},
        "requests per host and flip": {
            kind: round(meter.requests[kind] / hosts, 2) for kind in ("PUT ack", "PUT beacon")
        },
        "dollars a month": _dollars(quiet, meter.requests, lists, hosts),
    }


def _lateness(seconds: dict[str, float], token: Token, spread: float) -> dict[str, Any]:
    """Return how long after the flip hosts began, and at most how long after their own moment."""
    ordered = sorted(seconds.values())
    behind = [at - slot(token, Host(name=name, spread=spread)) for name, at in seconds.items()]
    found = {
        "p50": _rank(ordered, 0.5),
        "p99": _rank(ordered, 0.99),
        "last": ordered[-1],
        "most behind its moment": max(behind),
    }
    return {"hosts": len(seconds), **{name: round(value, 2) for name, value in found.items()}}


def _rank(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _dollars(quiet: Counter[str], of_flip: Counter[str], lists: int, hosts: int) -> dict[str, float]:
    """Return what a month costs: polling always, beacons every 15 minutes too, the rest per deploy."""
    polls = (quiet["GET lane"] + quiet["GET hint"]) / QUIET * MONTH * READ
    beacons = (hosts * MONTH / BEACON_SECONDS + of_flip["PUT beacon"] * DEPLOYS) * WRITE
    return {
        "polling": round(polls),
        "acks": round(of_flip["PUT ack"] * DEPLOYS * WRITE),
        "beacons": round(beacons),
        "lists of the wait": round(lists * DEPLOYS * WRITE, 2),
    }


# -- real daemons ------------------------------------------------------------------------------------------------------------


def really(
    objects: ObjectServer, folder: Path, bucket: str, names: tuple[str, ...], wanted: list[Wanted]
) -> dict[str, Any]:
    """Have real daemons do the same, each a process of its own."""
    from shipping.s3 import connect

    store = connect(bucket, environment=objects.environment)
    with daemons(objects, folder, bucket, names):
        first = flip(store, wanted[0], names)
        wait_triggered(_wait(first, names, REAL_SPREAD), store, Listed(names=names), SystemClock(), _ignore)
        hint(store, wanted[1])
        _until(lambda: all(len(list((folder / name / "releases").iterdir())) == 2 for name in names))
        token = flip(store, wanted[1], names)
        begun = time.time()
        waited = wait_triggered(_wait(token, names, REAL_SPREAD), store, Listed(names=names), SystemClock(), _ignore)
        _until(lambda: all(_began(folder / name, token) for name in names))
        late = _lateness({name: (_began(folder / name, token) or 0) - begun for name in names}, token, REAL_SPREAD)
    return {"hosts": len(names), "spread": REAL_SPREAD, "triggered": late, "wait": {"ending": waited.ending}}


@contextmanager
def daemons(objects: ObjectServer, folder: Path, bucket: str, names: tuple[str, ...]) -> Iterator[None]:
    env = {**objects.environment, "PATH": "/usr/bin:/bin"}
    argv = [sys.executable, "-m", "tests.bench.fleet", "--daemon"]
    started = [subprocess.Popen([*argv, json.dumps([str(folder / name), bucket, name])], env=env) for name in names]
    try:
        yield
    finally:
        for one in started:
            one.terminate()
        for one in started:
            one.wait(30)


def be_daemon(folder: str, bucket: str, name: str) -> None:
    """Be one real host, whose rolls are on paper; its log has the time of each line."""
    here = Path(folder)
    here.mkdir(parents=True)
    config = HostConfig(
        app=APP, environment=ENVIRONMENT, bucket=bucket, folder=here, host=name, spread=REAL_SPREAD, poll=POLL
    )
    with (here / "log").open("w", buffering=1) as log:
        serve(
            config,
            Notes(here / "serving.json"),
            say=lambda line: _ignore(log.write(f"{time.time()} {line}\n")),
            stop=stop_on_signals(),
        )


def _began(folder: Path, token: Token) -> float | None:
    lines = (folder / "log").read_text().splitlines()
    return next((float(line.split()[0]) for line in lines if "rolling to" in line and str(token) in line), None)


def _until(true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


# -- all of it ---------------------------------------------------------------------------------------------------------------


def measure(hosts: int, real: int) -> dict[str, Any]:
    """Return the figures. Raises AssertionError where one is not as promised."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="ship-fleet-", dir=memory if memory.is_dir() else None))
    try:
        with running() as objects, open_site(objects, place) as site:
            site.shop.layers = (SMALL,)
            first, second = site.publish(), site.publish()
            bodies = {key: _body(site.bucket.get(key)) for key in site.bucket.list("")}
            few = tuple(f"host-{number}" for number in range(real))

            def simulated(names: tuple[str, ...], spread: float, folder: str) -> dict[str, Any]:
                store = MemoryStore()
                for key, body in bodies.items():
                    store.create(key, body)
                simulation = Simulation(folder=place / folder, store=store, names=names, spread=spread)
                return simulate(simulation, first, second)

            found = {
                "simulated": simulated(tuple(f"host-{number}" for number in range(hosts)), SPREAD, "many"),
                "as many simulated as real": simulated(few, REAL_SPREAD, "few"),
                "real": really(objects, place / "real", site.bucket.name, few, [first, second]),
            }
    finally:
        shutil.rmtree(place)
    check(found)
    return found


def check(found: dict[str, Any]) -> None:
    """Assert what is promised of every fleet, simulated or not."""
    for name, one in found.items():
        late = one["triggered"]
        assert late["hosts"] == one["hosts"], f"{name}: {late}"
        assert one["wait"]["ending"] == "triggered", f"{name}: {one['wait']}"
        assert late["p99"] <= one["spread"] + BEYOND, f"{name}: {late}"
    assert found["simulated"]["lane reads per second"]["mean"] <= MOST_READS


def _body(stored: Stored | None) -> bytes:
    assert stored is not None
    return stored.body


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=HOSTS)
    parser.add_argument("--real", type=int, default=REAL)
    parser.add_argument("--daemon", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.daemon:
        be_daemon(*json.loads(asked.daemon))
        return
    began = time.monotonic()
    found = measure(asked.hosts, asked.real)
    print(json.dumps({**found, "seconds": round(time.monotonic() - began)}, indent=2))


if __name__ == "__main__":
    main()
