"""How long the longest shard of our plan is, against the ideal, beside pytest-split's two algorithms on the same durations.

Durations are recorded in the same run, from real suites. The same costs are charged to all: a shard pays for its tests, and for
each file of which it runs any test it pays what that file costs to import and set up. The ideal pays for every file once, and
divides without remainder, but never below the longest single test.

Run: python -m tests.bench.makespan
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pytest_split.algorithms import DurationBasedChunksAlgorithm, LeastDurationAlgorithm

from pipeline_gen.config import ShardLimits, Suite
from pipeline_gen.suites.durations import SESSION, Durations, file_of
from pipeline_gen.suites.planning import make_test_plan
from tests.bench.projects import click, record, sample_app

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pytest

SHARDS = (2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class Test:
    """As much of a pytest item as pytest-split looks at."""

    __test__ = False

    nodeid: str

    def __str__(self) -> str:
        return f"<Function {self.nodeid.rpartition('::')[2]}>"


def cost(tests: Iterable[str], seconds: Mapping[str, float]) -> float:
    """Return what a shard that runs these tests takes."""
    own = list(tests)
    files = {file_of(test) for test in own}
    return (
        seconds.get(SESSION, 0.0) + sum(seconds[test] for test in own) + sum(seconds.get(file, 0.0) for file in files)
    )


def ideal(seconds: Mapping[str, float], shards: int) -> float:
    """Return the least time that any dealing of tests could reach."""
    base = seconds.get(SESSION, 0.0)
    total = sum(value for key, value in seconds.items() if key != SESSION)
    longest = max(value + seconds.get(file_of(key), 0.0) for key, value in seconds.items() if "::" in key)
    return base + max(total / shards, longest)


def ours(seconds: Mapping[str, float], shards: int) -> tuple[float, int, float]:
    """Return our makespan by the same costs, how many files were split, and the planner's seconds."""
    tests = {key for key in seconds if "::" in key}
    files = sorted({file_of(key) for key in seconds if key != SESSION})
    suite = Suite(name="unit", shards=ShardLimits(min=shards, max=shards))
    begun = time.perf_counter()
    plan = make_test_plan(suite, files, Durations(seconds))
    spent = time.perf_counter() - begun
    costs = []
    for part in plan.parts:
        own = [test for ids in part.dealt.values() for test in ids]
        own += [test for test in tests if file_of(test) in part.files]
        own += [
            test
            for file, left in part.remainder.items()
            for test in tests
            if file_of(test) == file and test not in left
        ]
        empty = [file for file in part.files if not any(file_of(test) == file for test in own)]
        costs.append(cost(own, seconds) + sum(seconds.get(file, 0.0) for file in empty))
    return max(costs), sum(len(part.remainder) for part in plan.parts), spent


def theirs(
    algorithm: DurationBasedChunksAlgorithm | LeastDurationAlgorithm, seconds: Mapping[str, float], shards: int
) -> float:
    """Return pytest-split's makespan, by its own algorithm on the same durations."""
    known = {key: value for key, value in seconds.items() if "::" in key}
    items = cast("Sequence[pytest.Item]", [Test(test) for test in sorted(known)])
    groups = algorithm(shards, list(items), known)
    return max(cost([item.nodeid for item in group.selected], seconds) for group in groups)


def main() -> None:
    """Record each suite, print one table of ratios."""
    print(
        "| suite | shards | ideal s | ours / ideal | files split | least_duration / ideal | chunks / ideal | plan ms |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for project in (click(), sample_app()):
        seconds = record(project)
        tests = sum(1 for key in seconds if "::" in key)
        for shards in SHARDS:
            best = ideal(seconds, shards)
            longest, split, spent = ours(seconds, shards)
            least = theirs(LeastDurationAlgorithm(), seconds, shards)
            chunks = theirs(DurationBasedChunksAlgorithm(), seconds, shards)
            print(
                f"| {project.name}, {tests} tests | {shards} | {best:.3f} | {longest / best:.3f} | {split}"
                f" | {least / best:.3f} | {chunks / best:.3f} | {spent * 1000:.1f} |"
            )


if __name__ == "__main__":
    main()
