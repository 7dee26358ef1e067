"""A host of a test's own: releases on disk, and rolls by processes that can be killed at any transition."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shipping.host.group import write_release
from shipping.host.roll import Limits, Roller
from shipping.host.rolls import Release, Rolled
from shipping.host.supervisor import Supervisor
from shipping.records.process import ProcessType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shipping.host.driver import Reached
    from shipping.records.process import Order

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

    def release(self, commit: str, behaviour: str = "good", *processes: ProcessType) -> Release:
        folder = self.folder / "releases" / commit
        if not folder.exists():
            folder.mkdir(parents=True)
            (folder / "behaviour").write_text(behaviour)
        web = ProcessType.from_json({**WEB.to_json(), "order": self.order})
        return Release(commit=commit, folder=folder, processes=processes or (web,))

    def supervisor(self, reached: Reached | None = None) -> Supervisor:
        more = {} if reached is None else {"reached": reached}
        addresses = {"web": ("127.0.0.1", self.port)}
        return Supervisor(self.folder / "run", addresses=addresses, env={"PATH": "/usr/bin:/bin"}, **more)

    def roll(self, release: Release, *, limits: Limits = LIMITS, wanted: Callable[[], bool] = lambda: True) -> Rolled:
        with self.supervisor() as driver:
            return Roller(driver, limits=limits).roll(release, wanted=wanted)

    def roll_and_die(self, release: Release, transition: str, nth: int) -> int:
        """Roll in a process that kills itself when it reaches the transition for the nth time; return its exit status."""
        asked = {
            "host": [str(self.folder), self.port, self.order],
            "release": write_release(release),
            "at": [transition, nth],
        }
        module = "tests.shipping.host.rolling"
        return subprocess.run([sys.executable, "-m", module, json.dumps(asked)], check=False, timeout=120).returncode

    def releases(self) -> list[str]:
        """Return the release of each group that lives and serves."""
        with self.supervisor() as driver:
            return [Path(one.release).name for one in driver.groups() if one.alive and one.phase == "serving"]


@contextmanager
def a_host(folder: Path, order: Order = "start-first") -> Iterator[Host]:
    """A host; at the end all it runs is killed."""
    host = Host(folder=folder, port=free_port(), order=order)
    try:
        yield host
    finally:
        with host.supervisor() as driver:
            driver.stop()


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
