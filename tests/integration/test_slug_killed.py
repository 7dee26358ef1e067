"""`kill -9` of a publisher at each named point: no manifest without its blobs, and the next run finishes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shipping.signing.private import FileKey
from shipping.slug.assembly import released
from shipping.slug.points import POINTS
from shipping.slug.verify import verify
from tests.shipping.signing.keys import Ring
from tests.shipping.slug.shop import APP, open_shop, whole

if TYPE_CHECKING:
    from shipping.local.objects import ObjectServer
    from tests.shipping.slug.shop import Shop

# Points that are passed once for each bucket, or each blob, are met at a later time too.
TIMES = [*POINTS, "blob-started#3", "blob-sent#3", "manifest-written#2", "signature-written#2"]


def test_every_point_is_passed(objects: ObjectServer, tmp_path: Path) -> None:
    """A point that no publisher passes would be a test of nothing."""
    with open_shop(objects, tmp_path, buckets=2) as shop:
        passed: list[str] = []
        shop.build(at=passed.append)

    assert set(passed) == set(POINTS)


@pytest.mark.parametrize("point", TIMES)
def test_killed_at(objects: ObjectServer, tmp_path: Path, point: str) -> None:
    """What is visible is whole; a retry of the same commit completes it in every bucket."""
    with open_shop(objects, tmp_path, buckets=2) as shop:
        (tmp_path / "inbox/big.bin").write_bytes(os.urandom(9_000_000))  # more than one part

        shop.ring = ring(tmp_path / "main.pem")
        killed = publish(objects, shop, at=point)

        assert killed.returncode == -signal.SIGKILL
        assert whole(shop.buckets), "something names what is not there"
        slug = released(shop.buckets[0], APP, "a" * 40)
        assert slug is None or verified(shop, slug), "a release names what is not signed"

        finished = shop.build("a" * 40)

        assert finished.missing == ()
        assert whole(shop.buckets)
        assert verified(shop, finished.manifest.slug)


def test_not_killed(objects: ObjectServer, tmp_path: Path) -> None:
    """The program itself publishes when nobody kills it."""
    with open_shop(objects, tmp_path, buckets=2) as shop:
        shop.ring = ring(tmp_path / "main.pem")
        done = publish(objects, shop, at="never")

        assert done.returncode == 0
        assert verified(shop, json.loads(done.stdout)["slug"])


def test_killed_fetch(objects: ObjectServer, tmp_path: Path) -> None:
    """A fetch that dies in the middle leaves no folder; the next one makes it whole."""
    with open_shop(objects, tmp_path / "checkout", buckets=1) as shop:
        (shop.root / "inbox/big.bin").write_bytes(os.urandom(30_000_000))
        built = shop.build()
        out = tmp_path / "out"
        program = [
            sys.executable,
            "-m",
            "shipping.cli",
            "slug",
            "fetch",
            "--app",
            APP,
            "--bucket",
            shop.buckets[0].name,
        ]
        with subprocess.Popen([*program, built.manifest.slug, str(out)], env=environment(objects)) as fetching:
            deadline = time.monotonic() + 30
            while not (tmp_path / "out.tmp").exists() and time.monotonic() < deadline:
                time.sleep(0.002)
            fetching.kill()
        assert not out.exists() or (out / "inbox/big.bin").stat().st_size == 30_000_000

        if not out.exists():
            subprocess.run([*program, built.manifest.slug, str(out)], env=environment(objects), check=True)
        assert (out / "inbox/big.bin").read_bytes() == (shop.root / "inbox/big.bin").read_bytes()


def ring(private: Path) -> Ring:
    """Make keys, main's in a file: the publisher is another process."""
    made = Ring()
    made.keys["main"] = FileKey.generate(private)
    return made


def verified(shop: Shop, slug: str) -> bool:
    assert shop.ring is not None
    checked = verify(shop.buckets, APP, slug, purpose="main", trusted=shop.ring.trusted)
    return not any(one.faults for one in checked)


def publish(objects: ObjectServer, shop: Shop, *, at: str) -> subprocess.CompletedProcess[bytes]:
    buckets = [bucket.name for bucket in shop.buckets]
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.integration.killed_publish",
            str(shop.root),
            str(shop.root / "main.pem"),
            "a" * 40,
            at,
            *buckets,
        ],
        env=environment(objects),
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        check=False,
        timeout=60,
    )


def environment(objects: ObjectServer) -> dict[str, str]:
    return {**os.environ, **objects.environment}
