"""What a roll costs those who ask meanwhile: latencies while groups are replaced, beside those of the same run without a roll.

`python -m tests.bench.rolling [--rolls N] [--rate N] [--server NAME]`. Rolls and pauses of the same length take turns under one
load, which runs in a process of its own: open loop, each request counted from the moment at which it was due, so that nobody is
left out who had to wait. Beside the ratio stands that of the pauses among themselves: less than that says nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shipping.demo.load import Customers, Load
from tests.soak.replaced import Cell, in_service, quiet, roll
from tests.soak.servers import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shipping.host.rolls import Release
    from shipping.records.process import Order
    from tests.soak.replaced import Opened

ORDERS: tuple[Order, ...] = ("start-first", "stop-first")
LEAST = 3.0
"""Seconds of the first pause; each later one is as long as the roll before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One fast request: when it was due (the machine's monotonic clock), and its seconds."""

    due: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From when until when."""

    begun: float
    ended: float


def within(samples: Sequence[Sample], windows: Sequence[Window]) -> list[float]:
    """Return the seconds of those that were due within the windows."""
    return [one.seconds for one in samples if any(window.begun <= one.due < window.ended for window in windows)]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rolls", type=int, default=6)
    parser.add_argument("--rate", type=float, default=150)
    parser.add_argument("--server", choices=sorted(COMMANDS), action="append")
    parser.add_argument("--customers", type=int, metavar="PORT", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.customers is not None:
        ask(asked.customers, asked.rate)
        return
    print(
        "| server, order | requests | p50 ms still, rolling | ratio (of pauses) | p99 ms still, rolling | ratio (of pauses) |"
    )
    print("|---|---|---|---|---|---|")
    for server in asked.server or COMMANDS:
        for order in ORDERS:
            with tempfile.TemporaryDirectory() as folder:
                cell = Cell(driver="built-in", server=server, order=order, groups=0, folder=Path(folder))
                print(row(cell, rolls=asked.rolls, rate=asked.rate), flush=True)


def row(cell: Cell, *, rolls: int, rate: float) -> str:
    """Roll so often under customers, with pauses between; return the line of the table."""
    still, rolling = [], []
    with in_service(cell) as opened, customers(cell.port, rate) as samples:
        length = LEAST
        for number in range(2, rolls + 2):
            still.append(window(lambda: quiet(length)))  # noqa: B023 - called at once
            rolling.append(window(lambda: must_roll(opened, cell.release(number))))  # noqa: B023 - called at once
            length = max(LEAST, rolling[-1].ended - rolling[-1].begun)
    cells = [f"{cell.server}, {cell.order}", str(len(samples))]
    for cut in (50, 99):
        before, after = (percentile(within(samples, windows), cut) for windows in (still, rolling))
        halves = sorted(percentile(within(samples, still[half::2]), cut) for half in (0, 1))
        cells += [f"{before * 1000:.1f}, {after * 1000:.1f}", f"{after / before:.2f} ({halves[1] / halves[0]:.2f})"]
    return f"| {' | '.join(cells)} |"


def must_roll(opened: Opened, release: Release) -> None:
    rolled = roll(opened, release)
    assert rolled.ok, rolled.why


def window(act: Callable[[], None]) -> Window:
    begun = time.monotonic()
    act()
    return Window(begun=begun, ended=time.monotonic())


def percentile(seconds: list[float], cut: int) -> float:
    return statistics.quantiles(seconds, n=100)[cut - 1]


@contextmanager
def customers(port: int, rate: float) -> Iterator[list[Sample]]:
    """Have customers ask from a process of their own; the list is filled when they are done."""
    samples: list[Sample] = []
    argv = (sys.executable, "-m", "tests.bench.rolling", "--customers", str(port), "--rate", str(rate))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == b"asking\n"
        yield samples
        told = json.loads(asking.communicate()[0])
    assert told["failures"] == [], told["failures"]
    samples += [Sample(due=due, seconds=seconds) for due, seconds in zip(told["due"], told["seconds"], strict=True)]


def ask(port: int, rate: float) -> None:
    """Be the customers, until standard input ends."""
    with Load(Customers(host="127.0.0.1", port=port, rate=rate, slow=1.3)) as load:
        print("asking", flush=True)
        sys.stdin.read()
    counted = load.counted
    why = [f"{one.what}: {one.why}" for one in counted.failures]
    print(json.dumps({"due": counted.due, "seconds": counted.seconds, "failures": why}))


if __name__ == "__main__":
    main()
