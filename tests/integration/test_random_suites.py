"""Random suites run by real pytest: what the pure property says holds for real collection too."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import ShardLimits
from tests.builds import Build

if TYPE_CHECKING:
    from pathlib import Path


def written(names: list[str]) -> str:
    """Return a test file: functions, classes and parameters, names with blanks, colons and brackets among them."""
    kinds = {"plain": [], "class": [], "parameter": []}  # type: dict[str, list[str]]
    for name in names:
        kinds[("plain", "class", "parameter")[int(name) % 3]].append(name)
    lines = ["import pytest", *(f"def test_{name}(): pass" for name in kinds["plain"])]
    if kinds["class"]:
        lines += ["class TestIn:", *(f"    def test_{name}(self): pass" for name in kinds["class"])]
    if kinds["parameter"]:
        values = ", ".join(f"'{name}::[ a]@é'" for name in kinds["parameter"])
        lines += [f"@pytest.mark.parametrize('value', [{values}])", "def test_of(value): pass"]
    return "\n".join(lines) + "\n"


def ids(file: str, names: list[str]) -> list[str]:
    kinds = {0: "{file}::test_{name}", 1: "{file}::TestIn::test_{name}", 2: "{file}::test_of[{name}::[ a]@\\xe9]"}
    return [kinds[int(name) % 3].format(file=file, name=name) for name in names]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_test_runs_once_though_the_suite_changed_after_it_was_measured(tmp_path: Path, seed: int) -> None:
    """Durations know other tests than there are: some are new, some are gone. Files are split across shards."""
    chance = random.Random(seed)
    files: dict[str, str] = {}
    known: dict[str, float] = {}
    expected: list[str] = []
    for number in range(chance.randint(1, 5)):
        file = f"tests/sub {number % 2}/test_{number}.py"
        before = [str(name) for name in range(30) if chance.random() < 0.6]
        now = [str(name) for name in range(30) if chance.random() < 0.6]
        files[file] = written(now)
        expected += ids(file, now)
        known.update({test: chance.lognormvariate(0, 1.5) for test in ids(file, before)})
    shards = chance.randint(2, 4)
    build = Build.of(tmp_path, files, durations=known, shards=ShardLimits(min=shards, max=shards))

    assert set(build.run()) == {0}
    assert Counter(build.ids_run()) == Counter(expected)
    parts = build.plan.suites["unit"].parts
    assert (len(parts), any(part.remainder for part in parts)) == (shards, True)
