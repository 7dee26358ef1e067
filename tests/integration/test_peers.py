"""One differing entry of durations: what pytest-split loses, and what a plan made once does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

from pipeline_gen.config import ShardLimits
from pipeline_gen.suites.durations import Durations, durations_key
from tests.builds import Build

if TYPE_CHECKING:
    from pathlib import Path

SHARDS = 3
TESTS = {f"tests/test_{file}.py::test_{number}": 1.0 + 0.1 * number for file in "abc" for number in range(10)}
FILES = {
    f"tests/test_{file}.py": "import pytest\n" + "".join(f"def test_{number}(): pass\n" for number in range(10))
    for file in "abc"
}
ONE = "tests/test_b.py::test_7"


def pytest_split(root: Path, group: int, durations: dict[str, float]) -> list[str]:
    """Return what pytest-split runs on one agent, which has this durations file."""
    file = root / f"durations-{group}.json"
    file.write_text(json.dumps(durations))
    options = [
        "--splits",
        str(SHARDS),
        "--group",
        str(group),
        "--durations-path",
        str(file),
        "--splitting-algorithm",
        "least_duration",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_split.plugin", "--collect-only", "-q", *options],
        cwd=root,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_pytest_split_loses_and_doubles_tests_and_no_agent_can_tell(tmp_path: Path) -> None:
    """The peer's failure, so that the next test shows something: the second agent's file differs in one entry."""
    Build.of(tmp_path, FILES)
    root = tmp_path / "checkout"
    differing = {**TESTS, ONE: TESTS[ONE] * 3}

    same = Counter(test for group in (1, 2, 3) for test in pytest_split(root, group, TESTS))
    ran = Counter(
        test for group, known in ((1, TESTS), (2, differing), (3, TESTS)) for test in pytest_split(root, group, known)
    )

    assert same == Counter(list(TESTS))
    lost = sorted(set(TESTS) - set(ran))
    doubled = sorted(test for test, count in ran.items() if count > 1)
    assert lost != []
    assert doubled != []


def test_a_differing_entry_between_two_agents_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Durations change in the bucket and lie about in checkouts while the shards run; the plan was made before."""
    limits = ShardLimits(min=SHARDS, max=SHARDS)
    build = Build.of(tmp_path, FILES, shards=limits, durations=TESTS)
    planned = build.plan.suites["unit"]
    assert len(planned.parts) == SHARDS
    build.test_plan = planned
    for number in range(SHARDS):
        changed = {**TESTS, ONE: TESTS[ONE] * (3 if number == 1 else 1)}
        body = Durations(changed).encode()
        key = durations_key("inbox", "unit")
        stored = build.store.get(key)
        build.store.replace(key, body, version=stored.version if stored else None)
        (build.repository.root / ".test_durations").write_bytes(body)

        assert build.shard(number) == 0

    assert build.complete() == 0
    assert Counter(build.ids_run()) == Counter(list(TESTS))
