"""`python -m tests.bench.slug [--quick] [--repeat N]`, best with TMPDIR=/dev/shm.

The S3 server is a process of its own on loopback: network time is next to nothing here, and on a real network bytes count for
more. Seconds of ours have the start of the process in them; the peers' moves do not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from shipping.s3 import connect
from shipping.slug import archive
from shipping.slug.tree import expand
from tests.bench.slug import ours, peers
from tests.bench.slug.ours import Task
from tests.bench.slug.spent import Spent, timed
from tests.bench.slug.tree import CHANGED, FOLDERS, change, plant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.s3 import Bucket

MB = 1e6
APP, BUCKET = "bench", "bench-us"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One design. ``starts``: what of its seconds were the starts of our processes."""

    name: str
    publish: Spent
    sent: float
    activate: Spent
    starts: float = 0.0

    @property
    def total(self) -> Spent:
        return Spent(self.publish.wall + self.activate.wall, self.publish.cpu + self.activate.cpu)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where all of it happens."""

    folder: Path
    bucket: Bucket
    environment: dict[str, str]

    @property
    def root(self) -> Path:
        return self.folder / "tree"

    def host(self, name: str) -> Path:
        return self.folder / "hosts" / name


def main() -> None:
    """Build the tree, measure all designs, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tree of 12 MB: to see that it runs, not to measure")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each design; the fastest counts")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-slug-") as name, served(Path(name)) as place:
        files, size = plant(place.root, 0.04 if chosen.quick else 1.0)
        print(
            f"tree: {files} files, {size / MB:.0f} MB; {os.cpu_count()} processors; {CHANGED} files change per release"
        )
        entries = expand(place.root, FOLDERS)
        floor = timed(lambda: archive.measure(place.root, entries))[1]
        print(f"reading and hashing the tree, nothing else: {floor.wall:.2f} s, {floor.cpu:.2f} s of a processor")
        rows = measure(place, 1 if chosen.quick else chosen.repeat)
    show(rows)


def measure(place: Place, repeat: int) -> list[Row]:
    """Return a row for each design; the tree changes before each release, so that nothing is there already."""
    runs: dict[str, list[Row]] = {name: [] for name in ("first", *peers.MONOLITHS, "slug")}
    runs["first"].append(released(place, APP, 0, "slug, first time"))
    # In rounds, so that a busy moment of the machine does not meet one design only.
    for number in range(1, repeat + 1):
        for name, compressor in peers.MONOLITHS.items():
            change(place.root, f"{name} {number}")
            runs[name].append(monolith(place, name, compressor, number))
        change(place.root, f"slug {number}")
        runs["slug"].append(released(place, APP, number, f"slug, {CHANGED} files changed"))
        if number < repeat:
            runs["first"].append(released(place, f"{APP}-{number}", 0, "slug, first time"))
    return [fastest(rows) for rows in runs.values()]


def fastest(rows: list[Row]) -> Row:
    """Return the best time of each half: what is slower was the machine's doing."""
    return replace(rows[0], publish=min(row.publish for row in rows), activate=min(row.activate for row in rows))


def released(place: Place, app: str, number: int, name: str) -> Row:
    """Bring a release of an app to its host: its first to a host that has nothing, a later one to the same host."""
    task = Task(app=app, bucket=BUCKET, root=str(place.root), host=str(place.host(app)), commit=f"{number:040x}")
    told, publish = timed(lambda: ours.do(task, place.environment))
    if told["reused"] is not (number > 0):
        raise SystemExit("the dependencies were packed again, or not at all: the figure would be of something else")
    done, activate = timed(lambda: ours.do(replace(task, slug=told["slug"]), place.environment))
    starts = publish.wall - told["within"] + activate.wall - done["within"]
    return Row(name=name, publish=publish, sent=told["sent"], activate=activate, starts=starts)


def monolith(place: Place, name: str, compressor: list[str], number: int) -> Row:
    key, host = f"{compressor[0]}/{number}", place.host(compressor[0])
    packed = place.folder / "packed"
    size, publish = timed(lambda: peers.publish(place.root, packed, compressor, place.bucket, key))
    _, activate = timed(lambda: peers.activate(host, str(number), compressor, place.bucket, key))
    return Row(name=name, publish=publish, sent=size, activate=activate)


def show(rows: list[Row]) -> None:
    """Print the table; ratios are to the last row."""
    ours = rows[-1]
    heads = (
        "publish: s",
        "cpu s",
        "sent MB",
        "activate: s",
        "cpu s",
        "both: s",
        "both x",
        "cpu x",
        "bytes x",
        "starts: s",
    )
    widths = (11, 7, 9, 13, 7, 9, 8, 7, 9, 11)
    print(" " * 24 + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)))
    for row in rows:
        cells = (
            f"{row.publish.wall:.2f}",
            f"{row.publish.cpu:.2f}",
            f"{row.sent / MB:.2f}",
            f"{row.activate.wall:.2f}",
            f"{row.activate.cpu:.2f}",
            f"{row.total.wall:.2f}",
            f"{row.total.wall / ours.total.wall:.1f}",
            f"{row.total.cpu / ours.total.cpu:.1f}",
            f"{row.sent / max(ours.sent, 1):.1f}",
            f"{row.starts:.2f}",
        )
        print(f"{row.name:24}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))


@contextmanager
def served(folder: Path) -> Iterator[Place]:
    """Run the S3 server as a process of its own, as a network would keep its work off this one."""
    state = folder / "state"
    server = subprocess.Popen(
        [sys.executable, "-m", "shipping.local.objects", "--state", str(state), "--bucket", BUCKET]
    )
    try:
        deadline = time.monotonic() + 30
        while not (state / "objects.json").exists():
            if time.monotonic() > deadline or server.poll() is not None:
                raise SystemExit("the S3 server did not start")
            time.sleep(0.02)
        facts = json.loads((state / "objects.json").read_text())
        environment = {
            "AWS_ENDPOINT_URL_S3": facts["url"],
            "AWS_ACCESS_KEY_ID": facts["access_key"],
            "AWS_SECRET_ACCESS_KEY": facts["secret_key"],
            "AWS_REGION": facts["region"],
        }
        with connect(BUCKET, environment=environment) as bucket:
            yield Place(folder=folder, bucket=bucket, environment=environment)
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main()
