"""What a shard costs beyond its tests, on a suite of 50,000 trivial tests in 1,000 files, of which it runs a hundredth.

The floor is pytest on the part's own ten files: what nobody can avoid. Beside it our whole job (`ship job test-shard`: start,
plan from S3, pytest, report to S3, JUnit), and pytest-split's shard, which collects the whole suite to run its share.

Run: python -m tests.bench.shard_cost
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.config import Config, ShardLimits, Suite, resolved
from pipeline_gen.plan import Plan, StoredPlan, digest
from pipeline_gen.suites.durations import Durations, durations_key
from pipeline_gen.suites.planning import make_test_plan
from shipping.local.objects import running
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILES, TESTS, SHARDS = 1000, 50, 100
RUNS = 3
BUCKET = "ship-bench"


def main() -> None:
    """Build the suite, run the three in turn, print seconds and what is beyond the floor."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository = Repository.create(folder / "checkout")
        commit = repository.commit("a large suite", suite_files())
        with running() as server:
            server.create_bucket(BUCKET)
            plan = make_plan(commit)
            with server.bucket(BUCKET) as bucket:
                bucket.create(plan.key, StoredPlan(plan=plan, pipeline=()).encode())
                bucket.create(durations_key("inbox", "unit"), Durations(durations()).encode())
            environment = {**os.environ, **server.environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1"}
            report(measure(repository.root, folder, plan, environment))


def suite_files() -> dict[str, str]:
    body = "".join(f"def test_{number}(): pass\n" for number in range(TESTS))
    return {f"tests/area_{file % 20}/test_{file}.py": body for file in range(FILES)} | {"pytest.ini": "[pytest]\n"}


def durations() -> dict[str, float]:
    return {f"{file}::test_{number}": 0.01 for file in suite_files() if file.endswith(".py") for number in range(TESTS)}


def make_plan(commit: str) -> Plan:
    suite = Suite(name="unit", python=sys.executable, shards=ShardLimits(min=SHARDS, max=SHARDS))
    files = sorted(file for file in suite_files() if file.endswith(".py"))
    test_plan = make_test_plan(suite, files, Durations(durations()))
    assert len(test_plan.parts[0].files) == FILES // SHARDS
    source = resolved(Config(app="inbox", bucket=BUCKET, suites=(suite,)))
    return Plan(
        app="inbox", build="b", step="s", commit=commit, branch="main", main=True, base=None, position=1,
        source=source, decisions=(), suites={"unit": test_plan},
    )  # fmt: skip


def measure(
    root: Path, folder: Path, plan: Plan, environment: Mapping[str, str]
) -> dict[str, list[tuple[float, float]]]:
    """Return wall and CPU seconds of each run; the three take turns, so that a slow moment meets them all."""
    part = plan.suites["unit"].parts[0]
    arguments = folder / "files.txt"
    arguments.write_text("".join(f"{file}\n" for file in part.files))
    known = folder / "durations.json"
    known.write_bytes(Durations(durations()).encode())
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    split = ["-p", "pytest_split.plugin", "--splits", str(SHARDS), "--group", "1", "--durations-path", str(known)]
    found: dict[str, list[tuple[float, float]]] = {}
    for run in range(RUNS + 1):
        for name, argv in (
            ("pytest on the part's files", [*pytest, f"@{arguments}"]),
            ("ship job test-shard", [sys.executable, "-m", "shipping.cli", "job", "test-shard"]),
            ("pytest-split", [*pytest, *split, "--splitting-algorithm", "least_duration"]),
        ):
            spent = timed(argv, root, {**environment, **job(folder, plan, run)})
            if run:  # the first fills the caches
                found.setdefault(name, []).append(spent)
    return found


def job(folder: Path, plan: Plan, run: int) -> dict[str, str]:
    """Return a job's environment, with a stand-in for the agent's program that takes what it is given."""
    told = folder / "bin"
    told.mkdir(exist_ok=True)
    agent = told / "buildkite-agent"
    agent.write_text('#!/bin/sh\n[ "$1" != annotate ] || cat > /dev/null\n')
    agent.chmod(0o755)
    handed = {"suite": "unit", "plan": plan.key, "digest": digest(plan), "bucket": BUCKET}
    return {
        "PATH": f"{told}{os.pathsep}{os.environ['PATH']}",
        "BUILDKITE_JOB_ID": f"job-{run}",
        "BUILDKITE_PARALLEL_JOB": "0",
        "BUILDKITE_PLUGIN_CONFIGURATION": json.dumps(handed),
    }


def timed(argv: Sequence[str], root: Path, environment: Mapping[str, str]) -> tuple[float, float]:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(argv, cwd=root, env=dict(environment), capture_output=True, text=True, check=False)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{FILES * TESTS // SHARDS} passed" in done.stdout, done.stdout
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(found: Mapping[str, list[tuple[float, float]]]) -> None:
    floor = statistics.median(wall for wall, _ in found["pytest on the part's files"])
    print(f"{FILES * TESTS} tests in {FILES} files, shard 1 of {SHARDS}, medians of {RUNS} runs\n")
    print("| | wall s | CPU s | beyond the floor s | x floor |\n|---|---|---|---|---|")
    for name, seen in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*seen, strict=True))
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {wall - floor:.2f} | {wall / floor:.2f} |")


if __name__ == "__main__":
    main()
