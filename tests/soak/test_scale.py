"""Many real tests on several agents, without a bucket: proven, what we cost beside them, and what Buildkite is asked.

The numbers are set by SHIP_SCALE_FILES (1000), SHIP_SCALE_TESTS (20, per file) and SHIP_SCALE_AGENTS (8). Run with `-s` to see
the table; the figures are kept in tests/soak/results/scale.json.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipping.buildkite.kept import KeptByBuild
from shipping.buildkite.organization import Organization
from shipping.local.world import Options, started
from shipping.testrun.proven import newest_proof, read_proven
from tests.e2e.test_shipping import logs, make
from tests.soak.counting import counting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shipping.local.world import Build, World
    from shipping.testrun.proven import Proven

FILES, TESTS, AGENTS = (
    int(os.environ.get(f"SHIP_SCALE_{name}", default))
    for name, default in (("FILES", 1000), ("TESTS", 20), ("AGENTS", 8))
)
RESULTS = Path(__file__).parent / "results" / "scale.json"
ARTIFACT_CALLS_PER_MINUTE = 600  # of an organization: https://buildkite.com/docs/platform/limits
SHIPPING = """
app: APP
suites: [{name: unit, python: PYTHON, paths: [tests], target: 1s, hang: 10m, shards: {min: SHARDS, max: SHARDS}}]
"""
# Milliseconds of real work each, never the same twice.
BODY = "def test_{number}():\n    assert sum(value % {modulus} for value in range(20_000)) > 0\n\n\n"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds of a build. ``beyond``: what a shard's job takes besides setup and the runner, the mean of all."""

    makespan: float
    plan: float
    beyond: float
    proof: float

    @property
    def share(self) -> float:
        """What of the makespan is ours: the plan before, each shard's frame, the proof after."""
        return (self.plan + self.beyond + self.proof) / self.makespan


def test_twenty_thousand_tests_are_proven_and_we_are_a_small_part_of_it(
    agent_program: Path, short_folder: Callable[[], Path]
) -> None:
    """Every artifact call is accounted for: they grow with the shards, not with the tests."""
    folder = short_folder()
    repository = make(folder / "scale", "scale", files(), SHIPPING.replace("SHARDS", str(AGENTS)))
    options = Options(state=folder / "state", agent=agent_program, agents=AGENTS)
    with started(options, say=lambda line: print(line, file=sys.stderr)) as world, counting(world) as counted:
        world.create_pipeline("scale", repository.root)
        build = world.build("scale")
        shown = world.wait(build, timeout=3600)
        assert shown["state"] == "passed", logs(world, build, "plan") + logs(world, build, "tests-complete")
        assert f"proven: {FILES * TESTS} tests in {AGENTS} shards" in logs(world, build, "tests-complete")
        cost = cost_of(shown, proven(world, build))
    print(table(cost, counted.asked, counted.artifact_calls()))
    keep(cost, counted.asked, counted.artifact_calls())
    # Plan: kept (2). Each shard: the plan found (1), report and JUnit kept together (2). Proof: plan and all reports
    # found (2), kept (2). The agent says once a second which of its uploads have ended: of two files, at times twice.
    fewest = 2 + 3 * AGENTS + 4
    assert fewest <= counted.artifact_calls() <= fewest + AGENTS


def files() -> dict[str, str]:
    return {
        f"tests/area_{file % 20}/test_{file}.py": "".join(
            BODY.format(number=number, modulus=2 + file % 7 + number) for number in range(TESTS)
        )
        for file in range(FILES)
    } | {"pytest.ini": "[pytest]\n"}


def proven(world: World, build: Build) -> Proven:
    kept = KeptByBuild(Organization(world.api, world.organization), build.pipeline, build.number)
    proof = newest_proof(kept, "scale")
    assert proof is not None
    return read_proven(kept, proof, ())


def cost_of(shown: Mapping[str, Any], read: Proven) -> Cost:
    jobs = [job for job in shown["jobs"] if job["type"] == "script"]
    team = {
        report.job: report.phases.setup + report.phases.pytest + report.phases.retry for report in read.reports["unit"]
    }
    return Cost(
        makespan=seconds(shown["created_at"], shown["finished_at"]),
        plan=sum(took(job) for job in jobs if job["step_key"] == "plan"),
        beyond=statistics.mean(took(job) - team[job["id"]] for job in jobs if job["id"] in team),
        proof=sum(took(job) for job in jobs if job["step_key"] == "tests-complete"),
    )


def took(job: Mapping[str, Any]) -> float:
    return seconds(job["started_at"], job["finished_at"])


def seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def keep(cost: Cost, asked: Mapping[str, int], artifact_calls: int) -> None:
    """Write the figures down, with date, machine and command."""
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores",
        "command": f"SHIP_SCALE_FILES={FILES} SHIP_SCALE_TESTS={TESTS} SHIP_SCALE_AGENTS={AGENTS}"
        " python -m pytest -s tests/soak/test_scale.py",
        "tests": FILES * TESTS,
        "load": round(os.getloadavg()[1]),
        "seconds": {name: round(value, 1) for name, value in asdict(cost).items()},
        "share": round(cost.share, 3),
        "artifact_calls": artifact_calls,
        "asked": dict(sorted(asked.items())),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n")


def table(cost: Cost, asked: Mapping[str, int], artifact_calls: int) -> str:
    lines = [
        f"{FILES * TESTS} tests in {FILES} files over {AGENTS} agents on {os.cpu_count()} cores",
        f"makespan {cost.makespan:.1f} s",
        f"jobs: plan {cost.plan:.1f} s, proof {cost.proof:.1f} s, a shard but for its tests {cost.beyond:.1f} s",
        f"ours: {100 * cost.share:.1f} % of the makespan",
        f"artifact calls: {artifact_calls} = 3 per shard + 6; an organization has {ARTIFACT_CALLS_PER_MINUTE} per minute",
        *(f"  {count:5} {call}" for call, count in sorted(asked.items(), key=lambda pair: -pair[1])),
    ]
    return "\n".join(lines)
