"""Tests without a bucket, by real agents: plans, reports and the proof are artifacts of the build."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from shipping.jobs.plan import SUBDIRECTORIES_SINCE
from shipping.local.agent import find
from tests.e2e import killed_generator
from tests.e2e.test_shipping import APP, build, logs, make, ship, states, until

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.world import Build, World

SHIPPING = """
app: APP
suites: [{name: unit, python: PYTHON, paths: [tests], target: 1s, hang: 1m, shards: {min: 2, max: 2}}]
"""
# Each attempt of the generator knows other durations, so that its plan is another.
DRIFT = """
import json, os, pathlib
attempt = int(os.environ["BUILDKITE_RETRY_COUNT"])
known = {f"tests/test_{number}.py::test": 1.0 + (attempt * number) % 7 for number in range(460)}
pathlib.Path(".test_durations").write_text(json.dumps(known))
"""
FIRST_IS_RED = "import os\n\n\ndef test_luck():\n    assert os.environ['BUILDKITE_RETRY_COUNT'] != '0'\n"


def artifacts(world: World, of: Build) -> list[str]:
    """Return the artifacts' paths, each id and digest in them as a word."""
    listed = world.api.pages(world.api.artifacts().list_artifacts_for_build, world.organization, of.pipeline, of.number)
    named = (re.sub(r"[0-9a-f]{64}", "DIGEST", one["path"]) for one in listed)
    return sorted(re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", path) for path in named)


def test_a_build_without_a_bucket_is_proven_and_a_red_one_names_its_test(world: World, tmp_path: Path) -> None:
    """The same steps, jobs and words as with one; nothing that needs a bucket is missed."""
    repository = make(tmp_path / "repository", "stock", APP, SHIPPING)
    first, shown = build(world, "stock", repository)

    assert shown["state"] == "passed", logs(world, first, "plan") + logs(world, first, "tests-complete")
    assert states(shown) == {"plan": ["passed"], "tests-unit": ["passed", "passed"], "tests-complete": ["passed"]}
    assert "proven: 2 tests in 2 shards" in logs(world, first, "tests-complete")
    assert "could not" not in "".join(logs(world, first, key) for key in states(shown))
    assert artifacts(world, first) == [
        "junit/unit-0.xml",
        "junit/unit-1.xml",
        "ship/stock/plans/ID/ID/DIGEST.json",
        "ship/stock/plans/ID/ID/DIGEST/proof/0-ID.json",
        "ship/stock/plans/ID/ID/DIGEST/reports/unit/0/0-ID.json",
        "ship/stock/plans/ID/ID/DIGEST/reports/unit/1/0-ID.json",
    ]

    repository.commit("break", {"small/text.py": "def clean(text):\n    return text\n"})
    second, shown = build(world, "stock", repository)
    assert shown["state"] == "failed"
    assert "tests/test_text.py::test_clean" in "".join(one["body_html"] for one in world.annotations(second))
    assert "NOT proven" in logs(world, second, "tests-complete")


def test_the_report_of_a_retried_shard_outweighs_the_first(world: World, tmp_path: Path) -> None:
    """Both are artifacts of the build, under job and attempt; the proof, retried too, counts the second."""
    repository = make(tmp_path / "repository", "again", {**APP, "tests/test_luck.py": FIRST_IS_RED}, SHIPPING)
    started, shown = build(world, "again", repository)
    assert shown["state"] == "failed"
    (red,) = [job for job in world.jobs(started, "tests-unit") if job["state"] == "failed"]

    retry(world, started, red)
    shown = world.wait(started, timeout=120)
    (proof,) = world.jobs(started, "tests-complete")
    retry(world, started, proof)
    shown = world.wait(started, timeout=120)

    assert shown["state"] == "passed", logs(world, started, "tests-complete")
    assert "proven: 3 tests in 2 shards" in logs(world, started, "tests-complete")


def test_a_generator_killed_everywhere_whose_plan_drifts_uploads_one_plan(world: World, tmp_path: Path) -> None:
    """Nothing is create-only: the first upload elects, and the attempts after it go on with its plan."""
    attempts = len(killed_generator.POINTS) + 1
    retry_all = f"retry: {{automatic: [{{exit_status: '*', limit: {attempts}}}]}}"
    command = json.dumps(f"{sys.executable} drift.py && {sys.executable} {killed_generator.__file__}")
    pipeline = f"steps: [{{key: plan, command: {command}, {retry_all}}}]\n"
    shipping = SHIPPING.replace("{min: 2, max: 2}", "{min: 460, max: 460}") + "buildkite: {queues: {tests: none}}\n"
    tests = {f"tests/test_{number}.py": "def test(): pass\n" for number in range(460)}
    repository = make(tmp_path / "repository", "drifting", {**APP, **tests, "drift.py": DRIFT}, shipping, pipeline)
    world.create_pipeline("drifting", repository.root)
    started = world.build("drifting")

    until(lambda: "passed" in [job["state"] for job in world.jobs(started, "plan")], seconds=120)

    shown = world.show(started)
    world.api.builds().cancel_build(world.organization, "drifting", started.number)
    shards = [job for job in shown["jobs"] if "tests-unit" in str(job.get("step_key"))]
    assert len(shards) == len({(job["step_key"], job["parallel_group_index"]) for job in shards}) == 460
    assert [job["step_key"] for job in shown["jobs"]].count("tests-complete") == 1
    assert states(shown)["plan"] == ["failed"] * (attempts - 1) + ["passed"]
    # The last attempt says so; what those before it said may have died with them.
    assert "going on with that one" in logs(world, started, "plan")


def test_the_durations_of_a_proven_build_become_those_of_the_next(world: World, tmp_path: Path) -> None:
    """`ship suites record` writes what is committed; the next plan is dealt by it, and a test that is gone goes."""
    repository = make(tmp_path / "repository", "timed", APP, SHIPPING)
    (repository.root / ".test_durations").write_text('{"tests/test_text.py::test_gone": 1.0}')
    _, shown = build(world, "timed", repository)
    assert shown["state"] == "passed"
    state = ["--local", "--state", str(world.folder.root)]

    recorded = ship(world, repository.root, "suites", "record", *state)
    again = ship(world, repository.root, "suites", "record", "--build", "1", "--json", *state)

    known = json.loads((repository.root / ".test_durations").read_text())
    assert recorded.stdout.splitlines() == [
        f".test_durations: 2 tests of unit of build 1 ({repository.git('rev-parse', 'HEAD')[:12]}); 2 new, 1 gone",
        "  gone: tests/test_text.py::test_gone",
    ], recorded.stderr
    assert list(known) == [
        *(".", "tests/test_mail.py", "tests/test_mail.py::test_send"),
        *("tests/test_text.py", "tests/test_text.py::test_clean"),
    ]
    assert json.loads(again.stdout)["came"] == []
    preview = json.loads(ship(world, repository.root, "pipeline", "preview", "--json").stdout)
    parts = {part["files"][0]: part["seconds"] for part in preview["plan"]["suites"]["unit"]["parts"]}
    for file, test in (("tests/test_mail.py", "test_send"), ("tests/test_text.py", "test_clean")):
        assert parts[file] == pytest.approx(known["."] + known[file] + known[f"{file}::{test}"], abs=0.01)


def test_plugins_that_this_agent_would_never_run_are_refused_by_the_generator(world: World, tmp_path: Path) -> None:
    """3.83.1 clones a plugin in a folder of a repository, runs the step without it and is green: nothing is uploaded."""
    address = "plugins: {source: 'https://git.example/acme/ship.git', version: v1.2}\n"
    repository = make(tmp_path / "repository", "elsewhere", APP, SHIPPING + address)
    started, shown = build(world, "elsewhere", repository)

    (plan,) = world.jobs(started, "plan")
    version = find(os.environ, say=print).version
    if tuple(map(int, version.split("."))) >= SUBDIRECTORIES_SINCE:
        assert (shown["state"], plan["exit_status"]) == ("failed", 0)  # this agent looks for them, and there are none
        return
    assert (shown["state"], plan["exit_status"], states(shown)) == ("failed", 2, {"plan": ["failed"]})
    assert f"with agent {version!r}: it clones a plugin" in logs(world, started, "plan")


def retry(world: World, of: Build, job: dict[str, Any]) -> None:
    world.api.jobs().retry_job(world.organization, of.pipeline, of.number, job["id"])
