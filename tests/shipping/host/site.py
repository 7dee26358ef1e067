"""An environment with its bucket, its lane and the slugs in it, and hosts that follow it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from pipeline_gen.clock import ManualClock
from pipeline_gen.config import Process
from shipping.host.daemon import Daemon, Parts
from shipping.host.decide import Host
from shipping.host.points import At, nowhere
from shipping.host.reading import Reading
from shipping.host.releases import Releases
from shipping.host.reports import Reports
from shipping.lane import keys, machine
from shipping.lane.ledger import Change, Ledger
from shipping.lane.machine import Act, Wanted
from shipping.records.beacon import Beacon
from shipping.records.clearance import Clearance
from shipping.records.following import Following
from tests.shipping.host.notes import Notes
from tests.shipping.slug.shop import APP, Shop, open_shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline_gen.clock import Clock
    from shipping.host.rolls import Release
    from shipping.local.objects import ObjectServer
    from shipping.records.lane import Lane, Pointer
    from shipping.s3 import Bucket
    from shipping.signing import Signer, Trusted
    from shipping.slug.keys import Domain

ENVIRONMENT = "us"
WEB = Process(name="web", command=("bin/start",))


@dataclass(kw_only=True)
class Site:
    """One environment, and the folder its hosts live in. ``signer`` signs clearances."""

    shop: Shop
    folder: Path
    commits: int = 0
    signer: Signer | None = None

    @property
    def bucket(self) -> Bucket:
        return self.shop.buckets[0]

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.bucket, app=APP, environment=ENVIRONMENT)

    def publish(self, text: str | None = None, *, domain: Domain = "main", breaks: bool = False) -> Wanted:
        """Publish and clear a release in which ``inbox/web.py`` is this text (None: a new one)."""
        self.commits += 1
        (self.shop.root / "inbox/web.py").write_text(f"print({self.commits})" if text is None else text)
        broken = self.shop.root / "inbox/does-not-boot"
        broken.write_text("") if breaks else broken.unlink(missing_ok=True)
        commit = f"{self.commits:040x}"
        slug = self.shop.build(commit, domain=domain).manifest.slug
        return self.clear(Wanted(commit=commit, slug=slug, position=self.commits))

    def clear(self, wanted: Wanted) -> Wanted:
        """Let a release run in production; what is cleared already stays as it is."""
        clearance = Clearance(app=APP, commit=wanted.commit, position=wanted.position, slug=wanted.slug, config={})
        key = keys.clearance(APP, wanted.commit)
        if self.bucket.create(key, clearance.encode()) and self.signer is not None:
            self.signer.place(self.bucket, key, clearance.encode(), commit=wanted.commit)
        return wanted

    def flip(self, wanted: Wanted) -> Pointer:
        """Point the lane at a release."""
        pointer = self.change(lambda lane, act: machine.flip(lane, wanted, act)).pointer
        assert pointer is not None
        return pointer

    def roll_back(self, wanted: Wanted) -> Pointer:
        pointer = self.change(lambda lane, act: machine.roll_back(lane, wanted, act)).pointer
        assert pointer is not None
        return pointer

    def change(self, decide: Callable[[Lane, Act], Lane | machine.Refusal]) -> Lane:
        act = Act(id=uuid4().hex, at="2026-01-01T00:00:00.000Z", actor="a test", reason="to see")
        done = self.ledger.change(act, lambda lane: decide(lane, act))
        assert isinstance(done, Change), done
        return done.lane

    def hint(self, wanted: Wanted) -> None:
        """Say what will probably be wanted next."""
        key = keys.following(APP, ENVIRONMENT)
        stored = self.bucket.get(key)
        body = Following(commit=wanted.commit, slug=wanted.slug, position=wanted.position).encode()
        assert self.bucket.replace(key, body, version=None if stored is None else stored.version) is not None

    def acks(self, pointer: Pointer, host: str = "host-1") -> list[str]:
        """Return the states that a host acked of a token."""
        prefix = f"{APP}/acks/{ENVIRONMENT}/{pointer.token}/"
        return sorted(key.split("/")[-2] for key in self.bucket.list(prefix) if key.endswith(f"/{host}"))

    def beacon(self, host: str = "host-1") -> Beacon:
        stored = self.bucket.get(keys.beacon(APP, ENVIRONMENT, host))
        assert stored is not None
        return Beacon.decode(stored.body, where=host)


@dataclass(kw_only=True)
class Machine:
    """One host. ``boot`` names its boot; a daemon that is started again finds the same disk, processes and boot."""

    site: Site
    name: str = "host-1"
    spread: float = 0.0
    boot: str = "boot-1"
    trusted: Trusted | None = None
    clock: Clock = field(default_factory=ManualClock)
    said: list[str] = field(default_factory=list)
    middle: Callable[[Release], None] = lambda _release: None
    at: At = nowhere

    @property
    def folder(self) -> Path:
        return self.site.folder / self.name

    @property
    def rolls(self) -> Notes:
        return Notes(self.folder / "serving.json", middle=self._in_the_middle)

    def _in_the_middle(self, release: Release) -> None:
        self.middle(release)

    def start(self) -> Daemon:
        """Start a daemon on this host."""
        return Daemon(self.parts())

    def parts(self) -> Parts:
        self.folder.mkdir(parents=True, exist_ok=True)
        bucket = self.site.bucket
        return Parts(
            app=APP,
            environment=ENVIRONMENT,
            host=Host(name=self.name, spread=self.spread),
            reading=Reading(bucket, app=APP, environment=ENVIRONMENT),
            releases=Releases(self.folder, bucket, app=APP, trusted=self.trusted, at=self.at),
            reports=Reports(bucket, app=APP, environment=ENVIRONMENT, host=self.name, say=self.said.append),
            rolls=self.rolls,
            memory=self.folder / "memory.json",
            boot=self.boot,
            clock=self.clock,
            chance=lambda: 0.0,
            say=self.said.append,
            at=self.at,
        )

    def serves(self) -> list[str]:
        """Return what the serving releases have in ``inbox/web.py``."""
        return [(living.folder / "inbox/web.py").read_text() for living in self.rolls.living()]

    def kept(self) -> set[str]:
        return {one.name for one in (self.folder / "releases").iterdir()}

    def remembered(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.folder / "memory.json").read_text())
        return found

    def turn(self, daemon: Daemon, times: int = 1) -> float:
        """Take turns, letting as much time pass in between as the daemon asks for."""
        wait = 0.0
        for _ in range(times):
            wait = daemon.turn()
            self.clock.sleep(wait)
        return wait


@contextmanager
def open_site(objects: ObjectServer, folder: Path) -> Iterator[Site]:
    """Open an environment in a bucket of its own."""
    with open_shop(objects, folder / "checkout", buckets=1) as shop:
        shop.processes = (WEB,)
        yield Site(shop=shop, folder=folder / "hosts")
