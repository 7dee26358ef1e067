"""`ship pipeline preview` beside a bare Python that only imports what we cannot do without: click and yaml.

Run: python -m tests.bench.preview
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.repository import Repository

RUNS = 21
CONFIGURATION = "app: inbox\nbucket: ship-us\nsuites: [{name: unit, paths: [tests], target: 3m}]\n"


def main() -> None:
    """Time both in turn, so that a slow moment of the machine hits both."""
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository.create(Path(folder))
        tests = {f"tests/test_{number}.py": "def test(): pass\n" for number in range(200)}
        repository.commit("one", {".buildkite/shipping.yml": CONFIGURATION, **tests})
        ours = [sys.executable, "-m", "shipping.cli", "pipeline", "preview"]
        bare = [sys.executable, "-c", "import click, yaml"]
        times: dict[str, list[float]] = {"preview": [], "bare": []}
        for run in range(RUNS + 1):
            for name, argv in (("preview", ours), ("bare", bare)):
                seconds = timed(argv, repository.root)
                if run:  # the first fills the caches
                    times[name].append(seconds)
    print("| command | median ms | min ms |\n|---|---|---|")
    for name, seen in times.items():
        print(f"| {name} | {statistics.median(seen) * 1000:.0f} | {min(seen) * 1000:.0f} |")
    ratio = statistics.median(one / other for one, other in zip(times["preview"], times["bare"], strict=True))
    print(f"\npreview takes {ratio:.2f} x a bare start of Python with click and yaml (median of {RUNS} pairs)")


def timed(argv: list[str], cwd: Path) -> float:
    """Return the seconds a whole process took."""
    start = time.perf_counter()
    subprocess.run(argv, cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
