"""A whole fleet follows a flip: the daemons' own code on a clock that is simulated, and the wait of the deploy job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.fleet import waiting
from shipping.host.pace import JITTER, POLL
from tests.bench.fleet import arithmetic
from tests.bench.fleet.__main__ import BEYOND, MOST_READS, SPREAD, publish, simulation
from tests.bench.fleet.simulated import simulate
from tests.shipping.host.site import open_site

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.objects import ObjectServer

HOSTS = 40


def test_every_host_begins_within_the_spread_and_a_poll(objects: ObjectServer, tmp_path: Path) -> None:
    """The wait ends when the last one did, nothing is fetched after the flip, and each host says four things of it.

    No second is busier than chance makes it: not of the deploy, not after all daemons were started at one moment, and not
    after all were answered at one moment because S3 was away.
    """
    with open_site(objects, tmp_path / "site") as site:
        first, second = publish(site, 1), publish(site, 2)
        hosts = simulation(site, tmp_path / "hosts", tuple(f"host-{number}" for number in range(HOSTS)))

    found = simulate(hosts, first, second)

    late = found["triggered"]
    assert late["hosts"] == HOSTS
    assert SPREAD / 2 < late["last"] <= SPREAD + POLL + JITTER
    assert 0 <= late["behind its moment, most"] <= POLL + JITTER
    assert found["wait"]["ending"] == "triggered"
    assert late["last"] <= found["wait"]["seconds"] <= late["last"] + waiting.POLL
    assert found["requests per host and flip"]["PUT ack"] == 4
    # The lane itself, twice or thrice: the slug was there before.
    assert found["bytes per host"]["of the flip"] < 3 * 1024
    reads = found["lane reads per second"]
    busiest = {what: most for what, most in reads.items() if what.startswith("busiest")}
    assert len(busiest) == 4
    assert max(busiest.values()) <= reads["expected at most"], busiest


def test_the_poll_is_one_that_a_fleet_of_5000_can_afford() -> None:
    """In time for what is promised of flips, and not too often for what is promised of the bucket."""
    assert arithmetic.busiest(5000, SPREAD) <= 0.97 * MOST_READS
    assert arithmetic.p99(SPREAD) <= SPREAD + BEYOND - 1
