"""Process groups replaced under load, and what customers saw of it: nothing. Beside it, what restarts do to the same customers.

SHIP_CERTIFICATE_GROUPS (250) is how many groups with customers are replaced by each driver, over gunicorn (gthread), ASGI (our
drain wrapper) and Node, both orders; one release in five is broken. The figures are kept in results/certificate-DRIVER.json.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.soak import restarts
from tests.soak.replaced import DRIVERS, RATE, Cell, replace
from tests.soak.servers import COMMANDS

if TYPE_CHECKING:
    from shipping.records.process import Order

GROUPS = int(os.environ.get("SHIP_CERTIFICATE_GROUPS", "250"))
AT_ONCE = int(os.environ.get("SHIP_CERTIFICATE_AT_ONCE", "4"))
"""Cells that run beside each other, each in a process of its own: a drain is mostly waiting."""
RESULTS = Path(__file__).parent / "results"
COMMAND = "pytest -s tests/soak/test_certificate.py"
ORDERS: tuple[Order, ...] = ("start-first", "stop-first")
BESIDE = {
    "gunicorn_restart": restarts.gunicorn,
    "uvicorn_restart": restarts.uvicorn,
    "uvicorn_reload": restarts.uvicorn_reload,
}
SUMMED = ("groups_replaced", "drains", "at_risk", "sent", "failed", "posted", "duplicated", "posts_not_written")


@pytest.mark.parametrize("driver", DRIVERS)
def test_no_request_is_dropped_and_the_instrument_sees_when_some_are(tmp_path: Path, driver: str) -> None:
    """0 failed, 0 duplicated over all replacements; restarts of the same applications fail some."""
    begun = time.monotonic()
    with ProcessPoolExecutor(AT_ONCE, mp_context=multiprocessing.get_context("spawn")) as pool:
        others = {name: pool.submit(act, tmp_path / name) for name, act in BESIDE.items()}
        runs = certified(pool, tmp_path, driver)
        beside = {name: other.result() for name, other in others.items()}
    totals = {key: sum(one[key] for one in runs) for key in SUMMED}
    written(driver, totals, runs, beside, minutes=(time.monotonic() - begun) / 60)

    assert (totals["failed"], totals["duplicated"], totals["posts_not_written"]) == (0, 0, 0)
    assert totals["groups_replaced"] >= GROUPS
    # Not of the reload: whether it loses any is a matter of microseconds.
    assert min(beside["gunicorn_restart"]["failed"], beside["uvicorn_restart"]["failed"]) > 0


def certified(pool: ProcessPoolExecutor, folder: Path, driver: str) -> list[dict[str, Any]]:
    """Replace the groups of all cells."""
    each = -(-GROUPS // (len(COMMANDS) * len(ORDERS)))
    cells = [
        Cell(driver=driver, server=server, order=order, groups=each, folder=folder / f"{server}-{order}")
        for order in ORDERS
        for server in COMMANDS
    ]
    runs = []
    for run in pool.map(replace, cells):
        print(json.dumps(run), flush=True)
        runs.append(run)
    return runs


def written(
    driver: str, totals: dict[str, Any], runs: list[dict[str, Any]], beside: dict[str, Any], *, minutes: float
) -> None:
    """Keep the figures. The bound: with 95 % confidence fewer than 3 of so many fail, where none did."""
    bound = {"failures_per_connection_at_risk_below": 3 / totals["at_risk"], "per_request_below": 3 / totals["sent"]}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    result = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"SHIP_CERTIFICATE_GROUPS={GROUPS} SHIP_CERTIFICATE_RATE={RATE:g} {COMMAND} -k {driver}",
        "machine": machine,
        "minutes": round(minutes, 1),
        "totals": totals,
        "bound_95": bound if totals["failed"] == 0 else None,
        "runs": runs,
        "beside": beside,
    }
    (RESULTS / f"certificate-{driver}.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({key: result[key] for key in ("minutes", "totals", "bound_95", "beside")}, indent=2))
