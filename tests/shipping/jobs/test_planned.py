"""What the jobs of the test steps find: the plan, and every report, wherever they are kept."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import SystemClock
from pipeline_gen.config import ShardLimits
from pipeline_gen.errors import InfraError
from pipeline_gen.shell import LocalShell
from shipping.buildkite import Agent
from shipping.jobs.context import JobContext
from shipping.jobs.planned import planned
from shipping.memory import MemoryStore
from tests.builds import Build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {f"tests/test_{name}.py": "def test(): pass\n" for name in ("one", "two", "three")}


class CutStore(MemoryStore):
    """Lists one key at most, as a service might that cuts its answers."""

    def list(self, prefix: str) -> Iterator[str]:
        return islice(super().list(prefix), 1)


def test_a_report_that_the_list_of_all_leaves_out_is_looked_for_alone(tmp_path: Path) -> None:
    """No proof is red because an answer was cut."""
    build = Build.of(tmp_path, FILES, shards=ShardLimits(min=3, max=3), store=CutStore())

    assert build.run() == [0, 0, 0, 0]
    assert "unit: proven: 3 tests in 3 shards" in build.log


def test_a_plan_that_no_artifact_search_finds_is_infrastructure(tmp_path: Path) -> None:
    """It was kept before this step was in the build: a retry will find it, and no test has failed."""
    agent = tmp_path / "buildkite-agent"
    agent.write_text("#!/bin/sh\necho 'fatal: No artifacts found for downloading' >&2\nexit 1\n")
    agent.chmod(0o755)
    configuration = {"suite": "unit", "plan": "inbox/plans/b/s/d.json", "digest": "d"}
    env = {"BUILDKITE_PLUGIN_CONFIGURATION": json.dumps(configuration)}
    context = JobContext(
        env=env,
        root=tmp_path,
        clock=SystemClock(),
        shell=LocalShell(),
        agent=Agent(LocalShell(), env, program=str(agent)),
        bucket=lambda name: pytest.fail(f"asked for the bucket {name!r}"),
        say=print,
    )

    with pytest.raises(InfraError, match=r"could not find the plan 'inbox/plans/b/s/d\.json' among the artifacts"):
        planned(context)
