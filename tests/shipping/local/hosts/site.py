"""One host of a world for tests: its place, a release that lies there, real process groups."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.host import memory
from shipping.host.memory import Memory
from shipping.host.rolls import Release
from shipping.host.running import BOOT_ID
from shipping.host.supervisor import Supervisor
from shipping.local.hosts.ending import RUN, end
from shipping.local.hosts.place import Place
from shipping.local.hosts.published import FACTS
from shipping.local.hosts.roster import Host
from shipping.records.beacon import Runs
from shipping.records.lane import Token
from shipping.records.process import ProcessType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.records.ack import State

COMMIT = "a" * 40
TOKEN = Token(counter=3)


def host(name: str = "us-1", region: str = "us", app: str = "inbox") -> Host:
    return Host(app=app, region=region, name=name, bucket="b", spread=1.0, listens=("web",))


@dataclass(frozen=True, slots=True)
class Site:
    """What the daemon of ``place`` has rolled out, noted and started as it does."""

    place: Place

    def start(self, *command: str, commit: str = COMMIT) -> str:
        """Start a process group, which outlives this call; return its id."""
        process = ProcessType(name="worker", command=command)
        folder = self.place.srv / "commits" / f"{commit}-{'b' * 12}"
        folder.mkdir(parents=True, exist_ok=True)
        with Supervisor(self.place.srv / RUN, addresses={}, env={"PATH": "/usr/bin:/bin"}) as supervisor:
            group = supervisor.start(Release(commit=commit, folder=folder, processes=(process,)), process, 0)
            supervisor.promote(group)
        return group.id

    def remember(self, *reached: State, why: str = "", serves: str | None = COMMIT) -> None:
        found = Memory(boot=BOOT_ID.read_text().strip()).saw(TOKEN, TOKEN, 0.0)
        for state in reached:
            found = found.came(state, why)
        if serves is not None:
            found = found.serves(Runs(commit=serves, slug="b" * 64, token=TOKEN), 0.0)
        self.place.srv.mkdir(parents=True, exist_ok=True)
        memory.save(self.place.srv / "memory.json", found)


@contextmanager
def open_site(state: Path, name: str = "us-1") -> Iterator[Site]:
    """Make a host below a state folder; nothing of it runs afterwards."""
    place = Place(state=state, host=host(name))
    place.prepare({"web": "127.0.0.1:20001"}, {"PATH": "/bin"}, store="one")
    try:
        yield Site(place)
    finally:
        end(place.srv / RUN)


def publish(state: Path, *sites: Site, pid: int | None = 77) -> None:
    """Tell of the hosts as a world does."""
    told = [
        {
            "app": one.place.host.app,
            "region": one.place.host.region,
            "name": one.place.host.name,
            "addresses": {"web": "127.0.0.1:20001"},
            "folder": str(one.place.srv),
            "pid": pid,
        }
        for one in sites
    ]
    (state / FACTS).write_text(json.dumps({"hosts": told}))
