"""A whole fleet follows a flip: the daemons' own code on a clock that is simulated, and the wait of the deploy job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.memory import MemoryStore
from tests.bench import fleet
from tests.shipping.host.site import open_site

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.objects import ObjectServer

HOSTS = 40


def test_every_host_begins_within_the_spread_and_a_poll(objects: ObjectServer, tmp_path: Path) -> None:
    """The wait ends when the last one did, nothing is fetched after the flip, and each host says four things of it."""
    store = MemoryStore()
    with open_site(objects, tmp_path / "site") as site:
        site.shop.layers = (fleet.SMALL,)
        first, second = site.publish(), site.publish()
        for key in site.bucket.list(""):
            stored = site.bucket.get(key)
            assert stored is not None
            store.create(key, stored.body)
    names = tuple(f"host-{number}" for number in range(HOSTS))
    simulation = fleet.Simulation(folder=tmp_path / "hosts", store=store, names=names, spread=fleet.SPREAD)

    found = fleet.simulate(simulation, first, second)

    late = found["triggered"]
    assert late["hosts"] == HOSTS
    assert fleet.SPREAD / 2 < late["last"] <= fleet.SPREAD + fleet.BEYOND
    assert 0 <= late["most behind its moment"] <= fleet.BEYOND
    assert found["wait"]["ending"] == "triggered"
    assert late["last"] <= found["wait"]["seconds"] <= late["last"] + fleet.BEYOND
    assert found["requests per host and flip"]["PUT ack"] == 4
    # The lane itself, twice or thrice: the slug was there before.
    assert found["bytes per host"]["of the flip"] < 3 * 1024
