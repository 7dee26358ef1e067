"""What `ship host daemon` refuses, while real processes of the release before go on answering."""

from __future__ import annotations

import re
import resource
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import SystemClock
from pipeline_gen.config import Fleet
from shipping.fleet.inventory import Listed
from shipping.host import config, running
from shipping.lane import keys
from shipping.release.standing import standing
from tests.integration.test_host_daemon import answers, configured, daemon, free_port, site, until
from tests.shipping.host.site import ENVIRONMENT, Site
from tests.shipping.host.test_refused import CASES, manifest, put
from tests.shipping.signing.keys import Ring
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.lane.machine import Wanted
    from shipping.local.objects import ObjectServer
    from shipping.records.signature import Purpose

__all__ = ["site"]

HOSTS = Fleet(hosts=("host-1",), spread=1.0)


@contextmanager
def following(site: Site, objects: ObjectServer, port: int, *, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon on a first release; at the end, whatever happened, nothing of it runs on."""
    first = site.publish()
    pointer = site.flip(first)
    try:
        with daemon(file, objects) as process:
            try:
                until(lambda: answers(port) == first.commit and "complete" in site.acks(pointer))
                yield process
                assert answers(port) != first.commit
            finally:
                process.kill()
    finally:
        with running.supervisor(config.load(file)) as groups:
            groups.stop()


def refused(site: Site, wanted: Wanted, told: str, port: int) -> None:
    """Point the lane at it, and see that the fleet learns why not, that people do, and that customers notice nothing."""
    before, pointer = answers(port), site.flip(wanted)

    until(lambda: "failed" in site.acks(pointer) and bool(re.search(told, site.beacon().why)))

    assert answers(port) == before
    assert "triggered" not in site.acks(pointer)
    now = SystemClock().now()
    seen = standing(site.ledger, site.bucket, APP, fleet=HOSTS, tagged=lambda *_: Listed(names=()), now=now)
    assert seen.hosts is not None
    assert seen.hosts.count.failed == {"host-1"}
    assert re.search(told, seen.hosts.why["host-1"])


def lane(site: Site) -> bytes:
    stored = site.bucket.get(keys.lane(APP, ENVIRONMENT))
    assert stored is not None
    return stored.body


def taken(site: Site, wanted: Wanted, port: int) -> None:
    pointer = site.flip(wanted)
    until(lambda: answers(port) == wanted.commit and "complete" in site.acks(pointer))


def test_each_of_them_is_refused_and_the_next_good_release_is_taken(site: Site, objects: ObjectServer) -> None:
    """One daemon, and all that can be wrong with a slug, a clearance, a lane or the disk, one after the other."""
    port, positions, processes = free_port(), count(100), site.shop.processes
    with following(site, objects, port, file=configured(site, objects, port)) as process:
        for make, told in CASES:
            refused(site, replace(make(site), position=next(positions)), told, port)
            site.shop.processes = processes
        older = lane(site)
        good = replace(site.publish(), position=next(positions))
        taken(site, good, port)

        newest = lane(site)
        put(site, keys.lane(APP, ENVIRONMENT), older)
        until(lambda: "is lower than" in site.beacon().why)
        assert answers(port) == good.commit
        put(site, keys.lane(APP, ENVIRONMENT), newest)

        (site.shop.root / "inbox/big.bin").write_bytes(bytes(range(256)) * 8192)
        big = replace(site.publish(), position=next(positions))
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        refused(site, big, "File too large", port)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        (site.shop.root / "inbox/big.bin").unlink()
        taken(site, replace(site.publish(), position=next(positions)), port)


@pytest.mark.parametrize("key", ["nobody's", "a pull request's"])
def test_a_wrong_key_is_refused_of_slugs_and_of_clearances(site: Site, objects: ObjectServer, key: str) -> None:
    ring, port = Ring(), free_port()
    site.signer, site.shop.ring = ring.signer("clearance"), ring
    file = configured(site, objects, port)
    trusted = site.folder / "keys"
    trusted.write_text("".join(f"{purpose} {public}\n" for purpose, public in ring.trusted.keys))
    file.write_text(file.read_text().replace("[listen]", f'keys = "{trusted}"\n[listen]'))
    other = Ring() if key == "nobody's" else ring
    with following(site, objects, port, file=file):
        site.signer = other.signer("clearance" if other is not ring else "pr")
        refused(site, site.publish(), "cannot trust 'inbox/clearances/", port)

        site.signer, site.shop.ring = ring.signer("clearance"), None
        unsigned = site.publish()
        found = manifest(site, unsigned)
        purpose: Purpose = "main" if other is not ring else "pr"
        other.signer(purpose).place(site.bucket, found.key, found.encode(), commit=unsigned.commit)
        refused(site, unsigned, "cannot trust the manifest of slug", port)

        site.shop.ring = ring
        taken(site, site.publish(), port)
