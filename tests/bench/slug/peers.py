"""The classic slug: one archive by the ordinary tools, moved by the same client as ours (in a process that runs already)."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from shipping.slug import archive
from tests.bench.slug.tree import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.s3 import Bucket

# GNU tar told to be as deterministic as ours.
TAR = ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--mode=u=rwX,go=rX", "-c", *FOLDERS]
MONOLITHS = {"tar | gzip -6": ["gzip", "-6"], "tar | zstd -3 -T0": ["zstd", "-3", "-T0", "-q"]}


def publish(root: Path, packed: Path, compressor: list[str], bucket: Bucket, key: str) -> int:
    """Pack to a file and send it; return its size."""
    with packed.open("wb") as sink, subprocess.Popen(TAR, cwd=root, stdout=subprocess.PIPE) as tar:
        subprocess.run(compressor, stdin=tar.stdout, stdout=sink, check=True)
    bucket.put_stream(key, lambda: _chunks(packed))
    return packed.stat().st_size


def activate(host: Path, name: str, compressor: list[str], bucket: Bucket, key: str) -> None:
    """Fetch it, unpack it to a release of its own, and point `current` at that."""
    release, packed = host / "releases" / name, host / f"{name}.tar"
    release.mkdir(parents=True)
    with packed.open("wb") as sink:
        for chunk in bucket.open(key) or ():
            sink.write(chunk)
    subprocess.run(["tar", "-x", f"--use-compress-program={compressor[0]}", "-f", packed, "-C", release], check=True)
    packed.unlink()
    (host / "next").symlink_to(release)
    (host / "next").rename(host / "current")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(archive.CHUNK):
            yield chunk
