"""The job that records coverage, with real git, pytest and coverage; only `buildkite-agent` is a stand-in program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import ShardLimits
from pipeline_gen.errors import InfraError, Refused
from pipeline_gen.suites.coverage_map import CoverageMap, decode, encode, map_key
from shipping.jobs import record_coverage
from tests.builds import Build

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "app.py": "def f():\n    return 1\n\ndef g():\n    return 2\n",
    "tests/test_f.py": "import app\ndef test_f(): assert app.f() == 1\n",
    "tests/test_g.py": "from app import *\ndef test_g(): assert g() == 2\n",
    "tests/test_red.py": "def test_red(): assert False\n",
}
TWO = ShardLimits(min=2, max=2)


def record(build: Build, index: int = 0, count: int = 1) -> int:
    env = {"BUILDKITE_PARALLEL_JOB": str(index), "BUILDKITE_PARALLEL_JOB_COUNT": str(count)}
    return record_coverage.run(build.context(f"job-{index}", {"suite": build.suite.name}, env))


def written(build: Build) -> CoverageMap | None:
    stored = build.store.get(map_key("inbox", "unit", build.plan.commit))
    return decode(stored.body) if stored else None


def test_two_jobs_record_the_suite_and_the_last_writes_the_map(tmp_path: Path) -> None:
    """A red test file is in the map as one that always runs."""
    build = Build.of(tmp_path, FILES, shards=TWO)

    assert record(build, 1, 2) == 0
    assert written(build) is None
    assert record(build, 0, 2) == 0

    coverage = written(build)
    assert coverage is not None
    assert coverage.ran_by("app.py", ["g"]) == {"tests/test_g.py"}
    assert coverage.ran_by("app.py", ["f"]) == {"tests/test_f.py"}
    assert coverage.unrecorded == {"tests/test_red.py": "when recorded, it failed (tests/test_red.py::test_red)"}
    assert coverage.imports["tests/test_g.py"].names == ("app.*",)
    assert "3 test files, 1 not recorded (always run), 0 beyond coverage" in build.log


def test_the_next_commit_records_only_what_its_changes_reach(tmp_path: Path) -> None:
    build = Build.of(tmp_path, FILES, shards=TWO)
    record(build)
    build.repository.commit(
        "g", {"app.py": FILES["app.py"].replace("2", "1 + 1"), "tests/test_new.py": "def test(): pass\n"}
    )
    build.said.clear()

    assert record(build) == 0

    # f's test imports app directly, as g's does; red was not recorded; new is new. Now a commit that reaches g's file only:
    build.repository.commit("test", {"tests/test_g.py": FILES["tests/test_g.py"] + "\n\ndef test_more(): pass\n"})
    build.said.clear()
    assert record(build) == 0

    coverage = written(build)
    assert coverage is not None
    assert "2 test files to record, 2 as recorded before" in build.log
    assert dict(coverage.ages) == {"tests/test_f.py": 1, "tests/test_new.py": 1}
    assert coverage.ran_by("app.py", ["f"]) == {"tests/test_f.py"}


def test_what_was_handed_on_too_often_is_recorded_again(tmp_path: Path) -> None:
    build = Build.of(tmp_path, FILES)
    record(build)
    coverage = written(build)
    assert coverage is not None
    build.repository.commit("aged")
    old = coverage.records()
    from dataclasses import replace

    from pipeline_gen.suites.coverage_map import build_map

    aged = [replace(old["tests/test_f.py"], age=25), replace(old["tests/test_g.py"], age=24), old["tests/test_red.py"]]
    key = map_key("inbox", "unit", build.plan.commit)
    build.store.create(key, encode(build_map("unit", build.plan.commit, aged, coverage.imports)))
    build.repository.commit("docs", {"README.md": "x"})

    assert record(build) == 0

    newest = written(build)
    assert newest is not None
    assert dict(newest.ages) == {"tests/test_g.py": 25}


def test_a_job_that_is_run_again_does_not_record_again(tmp_path: Path) -> None:
    build = Build.of(tmp_path, FILES, shards=TWO)
    record(build, 0, 2)
    build.said.clear()

    assert record(build, 0, 2) == 0

    assert build.said == ["the map is written by the last job of this step"]


def test_a_commit_that_has_its_map_is_not_recorded_again(tmp_path: Path) -> None:
    build = Build.of(tmp_path, FILES)
    record(build)
    build.said.clear()

    assert record(build) == 0

    assert build.said == [f"the coverage map of 'unit' at {build.plan.commit[:12]} is there already"]


def test_a_pull_request_never_writes_the_map(tmp_path: Path) -> None:
    build = Build.of(tmp_path, FILES, main=False)

    with pytest.raises(Refused, match="cannot record coverage of 'topic': only the main branch writes the map"):
        record(build)

    assert list(build.store.list("inbox/suites/")) == []


def test_a_suite_without_coverage_is_told_and_green(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    build = Build.of(tmp_path, FILES, python=str(bare))

    assert record(build) == 0

    assert "its interpreter" in build.annotation("coverage-unit")
    assert "has no `coverage`" in build.log
    assert written(build) is None


def test_a_setup_that_fails_is_worth_another_try(tmp_path: Path) -> None:
    build = Build.of(tmp_path, FILES, setup=("false",))

    with pytest.raises(InfraError, match="could not set up suite 'unit'"):
        record(build)
