"""A slug against a monolith: seconds and bytes of a release with 20 changed files, in one run on one machine.

`python -m tests.bench.slug [--quick]`. The tree is made deterministically; the S3 server is a process of its own on loopback:
network time is next to nothing here, and on a real network the bytes count for more.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pipeline_gen.clock import SystemClock
from pipeline_gen.config import Layer
from pipeline_gen.shell import LocalShell
from shipping.s3 import connect
from shipping.slug import archive
from shipping.slug.assembly import assemble
from shipping.slug.fetch import fetch
from shipping.slug.layers import Workshop
from shipping.slug.tree import expand
from tests.shipping.slug.shop import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shipping.s3 import Bucket
    from shipping.slug.assembly import Assembled

T = TypeVar("T")
MB = 1e6
APP = "bench"
CHANGED = 20
LAYERS = (
    Layer(name="dependencies", inputs=("requirements.lock",), run=("true",), keep=("vendor",)),
    Layer(name="app", keep=("app",)),
)
# GNU tar told to be as deterministic as ours; the classic slug.
TAR = ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--mode=u=rwX,go=rX", "-c", "vendor", "app"]

MONOLITHS = {"tar | gzip -6": ["gzip", "-6"], "tar | zstd -3 -T0": ["zstd", "-3", "-T0", "-q"]}


class Spent(NamedTuple):
    """Seconds on the wall, and of processors: the second hardly depends on what else the machine does."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    publish: Spent
    sent: float
    bring: Spent


def main() -> None:
    """Build the tree, measure all designs, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tree of 12 MB: to see that it runs, not to measure")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each design; the fastest counts")
    chosen = parser.parse_args()
    scale = 0.04 if chosen.quick else 1.0
    with tempfile.TemporaryDirectory(prefix="bench-slug-") as name, served(Path(name)) as bucket:
        folder = Path(name)
        root = folder / "tree"
        files, size = plant(root, scale)
        print(
            f"tree: {files} files, {size / MB:.0f} MB; {os.cpu_count()} processors; {CHANGED} files change per release"
        )
        rows = measure(folder, root, bucket, 1 if chosen.quick else chosen.repeat)
    show(rows)


def measure(folder: Path, root: Path, bucket: Bucket, repeat: int) -> list[Row]:
    """Return a row for each design; the tree changes before each release, so that nothing is there already."""
    shop = Workshop(
        app=APP,
        domain="main",
        root=root,
        home=bucket,
        shell=LocalShell(),
        clock=SystemClock(),
        say=lambda _: None,
        run=lambda argv: run(root, argv),
    )
    runs: dict[str, list[Row]] = {name: [] for name in ("first", *MONOLITHS, "slug")}
    runs["first"].append(cold(shop, folder, bucket))
    entries = expand(root, ["vendor", "app"])
    floor = timed(lambda: archive.measure(root, entries))[1]
    print(f"reading and hashing the tree, nothing else: {floor.wall:.2f} s, {floor.cpu:.2f} s of a processor")
    # In rounds, so that a busy moment of the machine does not meet one design only.
    for number in range(1, repeat + 1):
        for name, compressor in MONOLITHS.items():
            change(root, f"{name} {number}")
            runs[name].append(monolith(name, folder, root, bucket, compressor, f"{compressor[0]}/{number}"))
        change(root, f"slug {number}")
        runs["slug"].append(layered(shop, folder, bucket, number))
        if number < repeat:
            runs["first"].append(cold(replace(shop, app=f"{APP}-{number}"), folder, bucket))
    return [fastest(rows) for rows in runs.values()]


def fastest(rows: list[Row]) -> Row:
    """Return the best time of each half: what is slower was the machine's doing."""
    return replace(rows[0], publish=min(row.publish for row in rows), bring=min(row.bring for row in rows))


def cold(shop: Workshop, folder: Path, bucket: Bucket) -> Row:
    """The first slug of an app: every layer is packed and sent."""
    done, seconds = timed(lambda: assemble(shop, LAYERS, [bucket], commit=commit(0)))
    return Row(name="slug, first time", publish=seconds, sent=done.placed[0].sent, bring=brought(done, folder, bucket))


def layered(shop: Workshop, folder: Path, bucket: Bucket, number: int) -> Row:
    """A later slug: the dependencies' inputs are unchanged."""
    done, seconds = timed(lambda: assemble(shop, LAYERS, [bucket], commit=commit(number)))
    if not done.products[0].reused:
        raise SystemExit("the dependencies were packed again: the figure would be of something else")
    return Row(
        name=f"slug, {CHANGED} files changed",
        publish=seconds,
        sent=done.placed[0].sent,
        bring=brought(done, folder, bucket),
    )


def brought(done: Assembled, folder: Path, bucket: Bucket) -> Spent:
    """Fetch and unpack, every digest checked, to a host that has nothing."""
    out = fresh(folder)
    return timed(lambda: fetch(bucket, done.manifest.app, done.manifest.slug, out, purpose="main"))[1]


def monolith(name: str, folder: Path, root: Path, bucket: Bucket, compressor: list[str], key: str) -> Row:
    """Pack to a file, send it, fetch it, unpack it: each by the ordinary tool, the moves by the same client as ours."""
    packed, out = folder / "packed", fresh(folder)

    def pack() -> None:
        with packed.open("wb") as sink, subprocess.Popen(TAR, cwd=root, stdout=subprocess.PIPE) as tar:
            subprocess.run(compressor, stdin=tar.stdout, stdout=sink, check=True)
        bucket.put_stream(key, lambda: chunks(packed))

    def bring() -> None:
        out.mkdir()
        with packed.open("wb") as sink:
            for chunk in bucket.open(key) or ():
                sink.write(chunk)
        subprocess.run(["tar", "-x", f"--use-compress-program={compressor[0]}", "-f", packed, "-C", out], check=True)

    publish = timed(pack)[1]
    sent = packed.stat().st_size
    return Row(name=name, publish=publish, sent=sent, bring=timed(bring)[1])


def fresh(folder: Path) -> Path:
    """Return a folder that is not there yet. Nothing is deleted before the end: on ext4 that slows down what follows."""
    return folder / f"out-{len(list(folder.glob('out-*')))}"


def show(rows: list[Row]) -> None:
    """Print the table; ratios are to the last row."""
    ours = rows[-1]
    heads = ("publish: s", "cpu s", "sent MB", "fetch: s", "cpu s", "publish x", "cpu x", "bytes x")
    widths = (11, 8, 10, 10, 8, 11, 7, 9)
    print(" " * 24 + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)))
    for row in rows:
        ratio = Spent(row.publish.wall / ours.publish.wall, row.publish.cpu / ours.publish.cpu)
        print(
            f"{row.name:24}{row.publish.wall:11.2f}{row.publish.cpu:8.2f}{row.sent / MB:10.2f}{row.bring.wall:10.2f}"
            f"{row.bring.cpu:8.2f}{ratio.wall:11.1f}{ratio.cpu:7.1f}{row.sent / max(ours.sent, 1):9.1f}"
        )


def plant(root: Path, scale: float) -> tuple[int, int]:
    """Make the tree: like an installed Python application, most files small sources, most bytes in libraries."""
    made = random.Random(20)
    words = [f"{made.choice('abcdefghklmnoprst')}{made.randrange(10**6):x}" for _ in range(4000)]
    lines = [" ".join(made.choices(words, k=8)) + "\n" for _ in range(20_000)]
    total = count = 0
    for folder, files, libraries in (("vendor", 13_000, 280), ("app", 7_000, 12)):
        for number in range(int(files * scale)):
            start = made.randrange(len(lines) - 700)
            text = "".join(lines[start : start + int(made.paretovariate(1.1) * 40) % 700 + 1]) + f"# {number}\n"
            total += write(root / folder / f"package{number % 400}" / f"module{number}.py", text.encode())
            count += 1
        for number in range(max(1, int(libraries * scale))):
            # Machine code compresses to about a third: some noise, some repetition.
            body = b"".join(made.randbytes(24_000) + bytes(26_000) + made.randbytes(1000) * 20 for _ in range(8))
            total += write(root / folder / "lib" / f"native{number}.so", body)
            count += 1
    write(root / "requirements.lock", b"everything==1\n")
    return count, total


def write(path: Path, body: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(body)


def change(root: Path, what: str) -> None:
    """Edit 20 sources of the application."""
    for number in range(CHANGED):
        path = root / "app" / f"package{number}" / f"module{number}.py"
        path.write_text(f"{path.read_text()}# {what}\n")


def chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(archive.CHUNK):
            yield chunk


def commit(number: int) -> str:
    return f"{number:040x}"


def timed(action: Callable[[], T]) -> tuple[T, Spent]:
    wall, cpu = time.monotonic(), used()
    result = action()
    return result, Spent(time.monotonic() - wall, used() - cpu)


def used() -> float:
    """Return the processor seconds of this process and of those it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@contextmanager
def served(folder: Path) -> Iterator[Bucket]:
    """Run the S3 server as a process of its own, as a network would keep its work off this one."""
    state = folder / "state"
    server = subprocess.Popen(
        [sys.executable, "-m", "shipping.local.objects", "--state", str(state), "--bucket", "bench-us"]
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
        with connect("bench-us", environment=environment) as bucket:
            yield bucket
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main()
