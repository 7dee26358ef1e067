"""`python -m tests.bench.fleet [--hosts N] [--real N]`: 5,000 simulated hosts, then 100 real ones and as many simulated ones of
the same names, which follow the same flip.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.config import Layer, Process
from shipping.host.pace import JITTER, POLL
from shipping.local.objects import running
from shipping.memory import MemoryStore
from tests.bench.fleet import arithmetic
from tests.bench.fleet.real import really
from tests.bench.fleet.simulated import Simulation, simulate
from tests.shipping.host.site import open_site

if TYPE_CHECKING:
    from shipping.lane.machine import Wanted
    from tests.shipping.host.site import Site

HOSTS, REAL = 5000, 100
SPREAD = 60.0
BEYOND = 6.0
"""Seconds beyond the spread by which 99 of 100 hosts began."""
MOST_READS = 1000
ALIKE = 1.0
"""Seconds that real hosts may be further behind their moments than simulated ones, in the mean: they share this machine."""


def measure(hosts: int, real: int) -> dict[str, Any]:
    """Return the figures. Raises AssertionError where one is not as promised."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="ship-fleet-", dir=memory if memory.is_dir() else None))
    try:
        with running() as objects, open_site(objects, place) as site:
            wanted = [publish(site, number) for number in (1, 2)]
            few = _names(real)
            found = {"simulated": simulate(simulation(site, place / "many", _names(hosts)), *wanted)}
            if real:
                found["as many simulated as real"] = simulate(simulation(site, place / "few", few), *wanted)
                found["real"] = really(objects, place / "real", site.bucket.name, few, wanted, spread=SPREAD)
    finally:
        shutil.rmtree(place)
    check(found)
    return found


def simulation(site: Site, folder: Path, names: tuple[str, ...]) -> Simulation:
    """Return hosts that find in memory what is in the site's bucket now."""
    store = MemoryStore()
    for key in site.bucket.list(""):
        stored = site.bucket.get(key)
        assert stored is not None
        store.create(key, stored.body)
    return Simulation(folder=folder, store=store, names=names, spread=SPREAD)


def _names(number: int) -> tuple[str, ...]:
    return tuple(f"host-{one}" for one in range(number))


def publish(site: Site, number: int) -> Wanted:
    """Publish a release whose one process waits to be told to end."""
    site.shop.layers = (Layer(name="app", keep=("inbox/web.py", "bin/start")),)
    site.shop.processes = (Process(name="worker", command=("bin/start",)),)
    (site.shop.root / "bin/start").write_text(f"#!/bin/sh\nexec sleep 1000{number}\n")
    return site.publish()


def check(found: dict[str, Any]) -> None:
    """Assert what is promised of every fleet, simulated or not."""
    for name, one in found.items():
        late = one["triggered"]
        assert late["hosts"] == one["hosts"], f"{name}: {late}"
        assert one["wait"]["ending"] == "triggered", f"{name}: {one['wait']}"
        assert late["p99"] <= one["spread"] + BEYOND, f"{name}: {late}"
    reads = found["simulated"]["lane reads per second"]
    busiest = {what: value for what, value in reads.items() if what.startswith("busiest")}
    assert max(busiest.values()) <= MOST_READS, busiest
    if "real" in found:
        real, simulated = (found[name]["triggered"] for name in ("real", "as many simulated as real"))
        mean = "behind its moment, mean"
        assert abs(real[mean] - simulated[mean]) <= ALIKE, f"{real} and {simulated}"
        assert abs(real["p99"] - simulated["p99"]) <= POLL + JITTER, f"{real} and {simulated}"


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=HOSTS)
    parser.add_argument("--real", type=int, default=REAL, help="real daemons; 0: none")
    asked = parser.parse_args()
    began = time.monotonic()
    found = measure(asked.hosts, asked.real)
    expected = {
        "busiest second": round(arithmetic.busiest(asked.hosts, SPREAD)),
        "p99": round(arithmetic.p99(SPREAD), 1),
    }
    print(json.dumps({"by arithmetic": expected, **found, "seconds": round(time.monotonic() - began)}, indent=2))


if __name__ == "__main__":
    main()
