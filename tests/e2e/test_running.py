"""What the engine decides while jobs run, with real agents: groups across builds, fast failure, retries of lost agents."""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING

from tests.e2e.test_local_world import called, pipeline, running, start, until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from shipping.local.world import World

    Repository = Callable[[Mapping[str, str]], Path]

SLEEP = f"sleep 3001.{os.getpid()}"
# Two of these that overlap say so: the folder is there already, and the job fails.
ALONE = "mkdir {folder} && sleep 0.5 && rmdir {folder}"


def test_a_group_runs_one_job_at_a_time_across_builds_and_agents(
    world: World, repository: Repository, tmp_path: Path
) -> None:
    step = f'{{label: alone, command: "{ALONE.format(folder=tmp_path / "held")}"'
    steps = f"  - {step}, concurrency: 1, concurrency_group: alone, parallelism: 3}}\n"
    root = repository(pipeline(f"steps:\n{steps}"))
    world.create_pipeline("grouped", root)
    builds = [world.build("grouped") for _ in range(2)]

    shown = [world.wait(build) for build in builds]

    assert [one["state"] for one in shown] == ["passed", "passed"]
    jobs = [job for one in shown for job in one["jobs"] if job["name"] == "alone"]
    times = sorted((job["started_at"], job["finished_at"]) for job in jobs)
    assert len(times) == 6
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(times))


def test_a_build_that_begins_to_fail_ends_what_asked_for_it_at_once(
    world: World, repository: Repository, tmp_path: Path
) -> None:
    """The process of the job is gone long before it would have ended; the build has failed."""
    text = f"""
steps:
  - {{key: long, command: "echo ready; {SLEEP}", cancel_on_build_failing: true}}
  - {{key: bad, command: "until test -e {tmp_path}/go; do sleep 0.1; done; exit 1"}}
  - {{key: later, command: "true", depends_on: long, cancel_on_build_failing: true}}
"""
    build = start(world, repository(pipeline(text)), "fail-fast")
    running(world, build, "long")
    begun = time.monotonic()
    (tmp_path / "go").touch()

    shown = world.wait(build)

    until(lambda: called(SLEEP) == set())
    assert time.monotonic() - begun < 60
    assert shown["state"] == "failed"
    states = {key: world.jobs(build, key)[0]["state"] for key in ("long", "bad", "later")}
    assert states == {"long": "canceled", "bad": "failed", "later": "canceled"}
