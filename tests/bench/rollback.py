"""A host goes back to a release that it kept: bytes fetched, and seconds beyond the restart itself.

`python -m tests.bench.rollback [--times N]`. A real `ship host daemon` and a real S3 server, between them a relay that counts
bytes and notes times. The lane goes back and forth between two kept releases of gunicorn; what the daemon takes counts from
the read of the lane that brought the new pointer until it tells *complete*. Beside it the restart itself: the same rolls by the
same code, without a daemon.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.config import Layer, Process
from shipping.host import config, running
from shipping.host.releases import Releases
from shipping.host.roll import Roller
from shipping.local import objects as servers
from tests.bench.relay import relaying
from tests.shipping.host.hosts import free_port, until
from tests.shipping.host.site import ENVIRONMENT, Site, open_site
from tests.shipping.slug.shop import APP
from tests.soak.replaced import environment
from tests.soak.servers import COMMANDS, DRAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shipping.lane.machine import Wanted
    from tests.bench.relay import Call, Relay

POLL = 1.0
"""Seconds between two reads of the lane, by default 5. The wait for one is measured apart: it only makes the run shorter."""
DEADLINE = 120.0


@dataclass(kw_only=True)
class Found:
    """Of each rollback: seconds until a read of the lane brought it, from there to *triggered* and *complete*; bytes.

    ``restarts``: the seconds of the same roll without a daemon.
    """

    waited: list[float] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    release_bytes: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=8)
    times = parser.parse_args().times
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.running() as server,
        relaying(server.url) as relay,
        open_site(server, Path(folder)) as site,
    ):
        host = Host(site=site, relay=relay, file=configured(site, relay), credentials=server.environment)
        try:
            found = host.back_and_forth(published(site), times)
        finally:
            with running.supervisor(config.load(host.file)) as groups:
                groups.stop()
    print("| of a rollback to a kept release | median (least to most) |\n|---|---|")
    for name, row in rows(found).items():
        print(f"| {name} | {row} |")


def rows(found: Found) -> dict[str, str]:
    """Return the lines of the table."""
    beyond = statistics.median(found.took) - statistics.median(found.restarts)
    return {
        "bytes of manifests and layers fetched": f"{max(found.release_bytes)}",
        "bytes of all answers of S3 (lane, acks, beacon)": f"{statistics.median(found.bytes):.0f}",
        f"flip to the read that brings it, with a poll of {POLL:g} s": spread(found.waited),
        "from there to *triggered*": spread(found.began),
        "from there to *complete*": spread(found.took),
        "the restart itself": spread(found.restarts),
        "beyond the restart": f"{beyond:.2f} s",
    }


def spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def published(site: Site) -> Sequence[Wanted]:
    """Publish two releases of the application on gunicorn."""
    site.shop.layers = (Layer(name="app", keep=("behaviour", "inbox/**")),)
    (site.shop.root / "behaviour").write_text("good")
    command = tuple(COMMANDS["gunicorn"])
    site.shop.processes = (
        Process(name="web", command=command, count=2, ready="/readyz", version="/version", drain=DRAIN),
    )
    return [site.publish(), site.publish()]


@dataclass(frozen=True, kw_only=True)
class Host:
    """One host, which has a daemon now and then."""

    site: Site
    relay: Relay
    file: Path
    credentials: Mapping[str, str]

    def back_and_forth(self, releases: Sequence[Wanted], times: int) -> Found:
        """Go to the newer release and back so often; after each the same without a daemon."""
        found = Found()
        older, newer = releases
        with self.daemon():
            self.complete(older)
        for _ in range(times):
            with self.daemon():
                self.complete(newer)
                flipped = time.monotonic()
                read, triggered, done = self.complete(older)
                until(lambda: self.relay.first("PUT", "/beacons/") is not None, DEADLINE)
            found.waited.append(read.answered - flipped)
            found.began.append(triggered.asked - read.answered)
            found.took.append(done.asked - read.answered)
            found.bytes.append(sum(call.bytes for call in self.relay.calls))
            fetched = [call for call in self.relay.calls if "/blobs/" in call.path or "/manifests/" in call.path]
            found.release_bytes.append(sum(call.bytes for call in fetched))
            self.restart(newer)
            found.restarts.append(self.restart(older))
        return found

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Have a daemon run, which has read the lane."""
        self.relay.clear()
        argv = (sys.executable, "-m", "shipping.cli", "host", "daemon", "--config", str(self.file))
        env = {**os.environ, **self.credentials}
        with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL) as following:
            try:
                until(lambda: any("/lanes/" in call.path for call in self.relay.calls), DEADLINE)
                yield
            finally:
                following.terminate()

    def complete(self, wanted: Wanted) -> tuple[Call, Call, Call]:
        """Point the lane at a release; return the read of it that brought that, and the acks of its beginning and end."""
        self.relay.clear()
        pointer = self.site.roll_back(wanted)
        acks = f"/acks/{ENVIRONMENT}/{pointer.token}"
        parts = (("GET", "/lanes/"), ("PUT", f"{acks}/triggered/"), ("PUT", f"{acks}/complete/"))
        until(lambda: all(self.relay.first(*one) is not None for one in parts), DEADLINE)
        calls = [call for one in parts if (call := self.relay.first(*one)) is not None]
        return calls[0], calls[1], calls[2]

    def restart(self, wanted: Wanted) -> float:
        """Roll to a kept release without a daemon; return the seconds."""
        found = config.load(self.file)
        release = Releases(found.folder, self.site.bucket, app=APP).release(wanted.commit, wanted.slug)
        with running.supervisor(found) as driver:
            begun = time.monotonic()
            rolled = Roller(driver).roll(release)
            assert rolled.ok, rolled.why
            return time.monotonic() - begun


def configured(site: Site, relay: Relay) -> Path:
    """Write the host's configuration: everything by default but the poll and the spread."""
    folder = site.folder / "host-1"
    folder.mkdir(parents=True)
    facts = {
        "app": APP,
        "environment": ENVIRONMENT,
        "bucket": site.bucket.name,
        "folder": str(folder),
        "host": "host-1",
        "endpoint": relay.url,
        "spread": 0,
        "poll": POLL,
    }
    tables = {"listen": {"web": f"127.0.0.1:{free_port()}"}, "env": environment(folder)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in facts.items()]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    file = site.folder / "host.toml"
    file.write_text("\n".join(lines))
    return file


if __name__ == "__main__":
    main()
