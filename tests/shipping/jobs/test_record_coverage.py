"""The job that records coverage, with real git, pytest and coverage; only `buildkite-agent` is a stand-in program."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.changes import Base
from pipeline_gen.config import Config, Selection, ShardLimits
from pipeline_gen.context import Context
from pipeline_gen.errors import InfraError, Refused
from pipeline_gen.suites.composing import Surroundings, compose
from pipeline_gen.suites.coverage_map import CoverageMap, TestRecord, build_map, decode, encode, map_key
from shipping.jobs import record_coverage
from shipping.memory import MemoryStore
from shipping.testrun.carrying import MOST_CARRIED
from shipping.testrun.mapping import Recording
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
    assert "- `tests/test_red.py`: when recorded, it failed" in build.annotation("coverage-unit")


def test_the_next_commit_records_only_what_its_changes_reach(tmp_path: Path) -> None:
    """The red file has no record to hand on, so it is tried again too."""
    first = Build.of(tmp_path, FILES)
    record(first)
    first.repository.commit("more", {"tests/test_g.py": FILES["tests/test_g.py"] + "\n\ndef test_more(): pass\n"})
    build = next_build(first)

    assert record(build) == 0

    coverage = written(build)
    assert coverage is not None
    assert "2 test files to record, 1 as recorded before" in build.log
    assert coverage.ages == {"tests/test_f.py": 1}
    assert coverage.ran_by("app.py", ["f"]) == {"tests/test_f.py"}
    assert "test_more" in coverage.ran["tests/test_g.py"]


def test_what_was_handed_on_too_often_is_recorded_again(tmp_path: Path) -> None:
    first = Build.of(tmp_path, FILES)
    commit = first.plan.commit
    aged = [
        TestRecord(file="tests/test_f.py", ran={"app.py": ("f",)}, age=MOST_CARRIED),
        TestRecord(file="tests/test_g.py", ran={"app.py": ("g",)}, age=MOST_CARRIED - 1),
        TestRecord(file="tests/test_red.py", ran={}),
    ]
    first.store.create(map_key("inbox", "unit", commit), encode(build_map("unit", commit, aged, {})))
    first.repository.commit("docs", {"README.md": "x"})
    build = next_build(first)

    assert record(build) == 0

    coverage = written(build)
    assert coverage is not None
    assert coverage.ages == {"tests/test_g.py": MOST_CARRIED, "tests/test_red.py": 1}
    assert "tests/test_f.py" in coverage.ran


def next_build(build: Build) -> Build:
    """Return a build of the repository's newest commit that finds the maps of the one before."""
    store = MemoryStore()
    for key in build.store.list("inbox/suites/unit/maps/"):
        stored = build.store.get(key)
        assert stored is not None
        store.create(key, stored.body)
    return replace(build, store=store, said=[])


def test_a_job_that_is_run_again_does_not_record_again(tmp_path: Path) -> None:
    build = Build.of(tmp_path, FILES, shards=TWO)
    kept = Recording(
        store=build.store, app="inbox", suite="unit", commit=build.plan.commit, build=build.plan.build, count=2
    )
    kept.keep(0, [TestRecord(file="tests/test_f.py", ran={})])

    assert record(build, 0, 2) == 0

    assert build.said == ["the map is written by the last job of this step"]


def test_a_commit_that_has_its_map_is_not_recorded_again(tmp_path: Path) -> None:
    build = Build.of(tmp_path, FILES)
    commit = build.plan.commit
    build.store.create(map_key("inbox", "unit", commit), encode(build_map("unit", commit, [], {})))

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


def test_a_pull_request_selects_by_what_main_recorded(tmp_path: Path) -> None:
    """From the recording on main to the plan of a branch; under shadow the same choice is only watched."""
    build = Build.of(tmp_path, {**FILES, "docs/index.md": "x"})
    record(build)
    main = build.plan.commit
    build.repository.git("checkout", "--quiet", "-b", "topic")
    build.repository.commit("docs and g", {"docs/index.md": "y", "tests/test_g.py": FILES["tests/test_g.py"] + "# g\n"})
    git = build.repository.asked
    context = Context(build="b2", step="s2", commit=git.head(), branch="topic", pull_request="7", base_branch="main")
    around = Surroundings(git=git, root=build.repository.root, store=build.store, say=build.said.append)

    plans = {}
    modes: tuple[Selection, ...] = ("on", "shadow")
    for mode in modes:
        suite = replace(build.suite, select=mode)
        config = Config(app="inbox", bucket="ship-us", suites=(suite,))
        plans[mode] = compose(suite, config, context, Base(commit=main, reason="merge base"), git.files(), around)

    assert plans["on"].plan.files == ("tests/test_g.py", "tests/test_red.py")
    assert plans["on"].plan.left_out == ("tests/test_f.py",)
    age = f"coverage map of {main[:12]}, 0 commits before the merge base"
    assert [str(decision) for decision in plans["on"].decisions] == [
        f"run   suite:unit: selection (the change can reach 2 of 3 test files; {age})",
        "skip  docs/index.md: ignored (matches '*.md')",
        "run   tests/test_g.py: changed test (tests/test_g.py)",
        "run   tests/test_red.py: not recorded (when recorded, it failed (tests/test_red.py::test_red))",
    ]
    assert len(plans["shadow"].plan.files) == 3
    assert plans["shadow"].plan.shadow_left_out == ("tests/test_f.py",)
