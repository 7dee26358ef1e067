"""A host of a test's own: releases on disk, and rolls by processes that can be killed at any transition.

Its driver is the built-in one, or systemd's where it was given a systemd.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shipping.host.driver import unheard
from shipping.host.folders import read_note
from shipping.host.group import write_release
from shipping.host.roll import Limits, Roller
from shipping.host.rolls import Release, Rolled
from shipping.host.supervisor import Supervisor
from shipping.host.systemd import Systemd
from shipping.records.process import ProcessType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shipping.host.driver import Reached
    from shipping.records.process import Order
    from tests.systemd import World

WEB = ProcessType(
    name="web",
    command=(sys.executable, str(Path(__file__).with_name("served.py"))),
    count=2,
    ready="/readyz",
    version="/version",
    drain=10,
)
LIMITS = Limits(ready=20, settle=0.2)


def free_port() -> int:
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return int(asking.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host's folder and port."""

    folder: Path
    port: int
    order: Order = "start-first"
    world: World | None = None

    def release(self, commit: str, behaviour: str = "good", *processes: ProcessType) -> Release:
        folder = self.folder / "releases" / commit
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "behaviour").write_text(behaviour)
        web = ProcessType.from_json({**WEB.to_json(), "order": self.order})
        return Release(commit=commit, folder=folder, processes=processes or (web,))

    @property
    def run(self) -> Path:
        """Return where the driver keeps what it writes down."""
        return self.folder / "run"

    def driver(
        self, reached: Reached = unheard, *, addresses: Mapping[str, tuple[str, int]] | None = None
    ) -> Supervisor | Systemd:
        env = {"PATH": "/usr/bin:/bin"}
        listen = {"web": ("127.0.0.1", self.port)} if addresses is None else addresses
        if self.world is None:
            return Supervisor(self.run, addresses=listen, env=env, reached=reached)
        return Systemd(
            self.run,
            name=f"host-{self.port}",
            user="root",
            addresses=listen,
            env=env,
            units=self.world.units,
            systemctl=self.world.systemctl,
            reached=reached,
        )

    def roll(self, release: Release, *, limits: Limits = LIMITS, wanted: Callable[[], bool] = lambda: True) -> Rolled:
        with self.driver() as driver:
            return Roller(driver, limits=limits).roll(release, wanted=wanted)

    def rolling(self, release: Release, transition: str, nth: int) -> list[str]:
        """Return the command of a process that rolls, and kills itself when it reaches the transition for the nth time."""
        asked = {
            "host": [str(self.folder), self.port, self.order],
            "world": None if self.world is None else [self.world.pid, str(self.world.units)],
            "release": write_release(release),
            "at": [transition, nth],
        }
        return [sys.executable, "-m", "tests.shipping.host.rolling", json.dumps(asked)]

    def roll_and_die(self, release: Release, transition: str, nth: int) -> int:
        """Roll in a process that kills itself when it reaches the transition for the nth time; return its exit status."""
        return subprocess.run(self.rolling(release, transition, nth), check=False, timeout=120).returncode

    def kill(self, victim: Literal["holder", "group"]) -> None:
        """Kill, without a word, what holds the oldest group, or the shared socket."""
        if self.world is not None:
            with self.driver() as driver:
                unit = "web.service" if victim == "holder" else f"{driver.groups()[0].id}.service"
            # What holds a socket under systemd is no process: it can only be stopped.
            verb = ("stop",) if victim == "holder" else ("kill", "--signal=KILL")
            self.world.ask(*verb, f"host-{self.port}:{unit}")
            return
        note = read_note(min((self.run / ("sockets" if victim == "holder" else "groups")).iterdir()) / "keeper.json")
        assert note is not None
        os.kill(note["pid"], signal.SIGKILL)

    def releases(self) -> list[str]:
        """Return the release of each group that lives and serves."""
        with self.driver() as driver:
            return [Path(one.release).name for one in driver.groups() if one.alive and one.phase == "serving"]


@contextmanager
def a_host(folder: Path, order: Order = "start-first", *, world: World | None = None) -> Iterator[Host]:
    """A host; at the end all it runs is killed."""
    host = Host(folder=folder, port=free_port(), order=order, world=world)
    try:
        yield host
    finally:
        with host.driver() as driver:
            driver.stop()


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
