"""Real hosts beside the simulated ones: each is `ship host daemon` as adopters run it, a process over a real S3 server that
rolls a real process group, and its log tells when it began.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from pipeline_gen.clock import SystemClock
from shipping.fleet.inventory import Listed
from shipping.fleet.waiting import wait_triggered
from shipping.host import config, running
from shipping.s3 import connect
from tests.bench.fleet.flip import flip, hint, ignore, lateness, wait
from tests.shipping.host.site import ENVIRONMENT
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shipping.lane.machine import Wanted
    from shipping.local.objects import ObjectServer

PATIENCE = 300.0
AT_ONCE = 10
"""Daemons that are started together: a start takes a second of a processor, and the first read some seconds more."""


@dataclass(kw_only=True)
class Fleet:
    """Real daemons; ``said`` is each line of their logs, with the time at which it came."""

    folder: Path
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    said: list[tuple[float, str, str]] = field(default_factory=list)

    def times(self, words: str) -> dict[str, float]:
        """Return when each host said a line with these words first."""
        found: dict[str, float] = {}
        for at, name, line in tuple(self.said):
            if words in line:
                found.setdefault(name, at)
        return found

    def read(self) -> None:
        """Read all logs until every daemon has ended."""
        with selectors.DefaultSelector() as waiting:
            for name, one in self.started.items():
                assert one.stdout is not None
                os.set_blocking(one.stdout.fileno(), False)
                waiting.register(one.stdout, selectors.EVENT_READ, name)
            while waiting.get_map():
                for key, _ in waiting.select():
                    text = os.read(key.fd, 65536)
                    self.said += [(time.monotonic(), key.data, line) for line in text.decode().splitlines()]
                    if not text:
                        waiting.unregister(key.fileobj)

    def cost(self) -> dict[str, float]:
        """Return what one daemon takes: megabytes of its own, and seconds of a processor since its start."""
        clock = os.sysconf("SC_CLK_TCK")
        own, seconds = [], []
        for one in self.started.values():
            rollup = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
            own.append(sum(int(line.split()[1]) for line in rollup if line.startswith("Private_")) / 1024)
            spent = Path(f"/proc/{one.pid}/stat").read_text().rpartition(")")[2].split()
            seconds.append((int(spent[11]) + int(spent[12])) / clock)
        return {"MB of its own": round(max(own), 1), "processor seconds": round(sum(seconds) / len(seconds), 2)}


def really(
    objects: ObjectServer, folder: Path, bucket: str, names: tuple[str, ...], wanted: list[Wanted], *, spread: float
) -> dict[str, Any]:
    """Have real daemons follow a flip."""
    store = connect(bucket, environment=objects.environment)
    first = flip(store, wanted[0], names)
    with store, daemons(objects, folder, bucket, names, spread=spread) as fleet:
        _until(lambda: len(fleet.times(f"runs {wanted[0].commit[:12]}")) == len(names))
        wait_triggered(wait(first, names, spread), store, Listed(names=names), SystemClock(), ignore)
        start = fleet.cost()
        hint(store, wanted[1])
        _until(lambda: len(fleet.times(f"fetched slug {wanted[1].slug[:12]}")) == len(names))
        token = flip(store, wanted[1], names)
        begun, before = time.monotonic(), lane_reads(objects, bucket)
        waited = wait_triggered(wait(token, names, spread), store, Listed(names=names), SystemClock(), ignore)
        reads = (lane_reads(objects, bucket) - before) / (time.monotonic() - begun)
        began = f"rolling to {wanted[1].commit[:12]} (token {token})"
        _until(lambda: len(fleet.times(f"runs {wanted[1].commit[:12]}")) == len(names))
        late = {name: at - begun for name, at in fleet.times(began).items()}
        end = fleet.cost()
    return {
        "hosts": len(names),
        "spread": spread,
        "triggered": lateness(late, token, spread=spread),
        "wait": {"ending": waited.ending, "seconds": round(waited.seconds, 1)},
        "lane reads per second": {"mean": round(reads, 1)},
        "one daemon": {"after its start and a release": start, "at the end": end},
    }


def lane_reads(objects: ObjectServer, bucket: str) -> int:
    return len(objects.faults.seen("get", bucket=bucket, key="*/lanes/*"))


@contextmanager
def daemons(
    objects: ObjectServer, folder: Path, bucket: str, names: tuple[str, ...], *, spread: float
) -> Iterator[Fleet]:
    """Run a daemon for each name; at the end they and all that they started are gone."""
    fleet = Fleet(folder=folder)
    files = {name: _configured(folder / name, bucket, name, spread) for name in names}
    reader = Thread(target=fleet.read)
    try:
        for number, (name, file) in enumerate(files.items()):
            fleet.started[name] = _start(file, objects.environment)
            if number % AT_ONCE == AT_ONCE - 1:
                _until(lambda: all((folder / one / "memory.json").exists() for one in fleet.started))
        reader.start()
        yield fleet
    finally:
        for one in fleet.started.values():
            one.terminate()
        for one in fleet.started.values():
            one.wait(30)
        if reader.ident is not None:
            reader.join()
        for one in fleet.started.values():
            assert one.stdout is not None
            one.stdout.close()
        for file in files.values():
            with running.supervisor(config.load(file)) as groups:
                groups.stop()


def _start(file: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "shipping.cli", "host", "daemon", "--config", str(file)]
    env = {**environment, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _configured(folder: Path, bucket: str, name: str, spread: float) -> Path:
    facts = {"app": APP, "environment": ENVIRONMENT, "bucket": bucket, "folder": str(folder), "host": name}
    folder.mkdir(parents=True)
    file = folder / "host.toml"
    file.write_text(
        "\n".join([*(f"{key} = {json.dumps(value)}" for key, value in facts.items()), f"spread = {spread}"])
    )
    return file


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)
