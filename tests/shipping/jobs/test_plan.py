"""The job that decides, with a stand-in for `buildkite-agent` that says a version and keeps what is uploaded."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pipeline_gen import config
from pipeline_gen.errors import UsageError
from pipeline_gen.shell import LocalShell
from shipping.buildkite import Agent, ArtifactStore
from shipping.jobs import plan
from tests.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_gen.plan import StoredPlan

PROGRAM = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
case "$1 $2" in
  "--version ") echo "buildkite-agent version $VERSION" ;;
  "pipeline upload") cat "$4" > uploaded ;;
esac
"""
SHIPPING = """
app: inbox
suites: [{name: unit}]
plugins: {source: "https://git.example/acme/ship.git", version: v1.2}
"""


@dataclass(frozen=True, kw_only=True)
class Job:
    repository: Repository
    folder: Path

    def run(self, version: str) -> StoredPlan:
        env = {
            "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "VERSION": version,
            "BUILDKITE_BUILD_ID": "b1",
            "BUILDKITE_STEP_ID": "s1",
            "BUILDKITE_BRANCH": "main",
            "BUILDKITE_COMMIT": self.repository.asked.head(),
        }
        agent = Agent(LocalShell(), env)
        configured = config.load(config.find(self.repository.root))
        git = self.repository.asked
        return plan.run(git, configured, env=env, store=ArtifactStore(agent), agent=agent, say=print)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    repository = Repository.create(tmp_path / "checkout")
    repository.commit("one", {".buildkite/shipping.yml": SHIPPING, "tests/test_a.py": "def test(): pass\n"})
    program = tmp_path / "buildkite-agent"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return Job(repository=repository, folder=tmp_path)


@pytest.mark.parametrize("version", ["3.83.1", "3.107.9"])
def test_an_agent_that_would_never_run_the_plugins_is_refused_before_anything_is_uploaded(
    job: Job, version: str
) -> None:
    """It clones them, runs the step without them, and is green."""
    with pytest.raises(UsageError) as told:
        job.run(version)

    assert f"with agent {version!r}" in told.value.message
    assert "agents since '3.108.0' do" in told.value.message
    assert "plugins: {source: .buildkite/plugins}" in str(told.value.hint)
    assert not (job.folder / "uploaded").exists()


@pytest.mark.parametrize("version", ["3.108.0", "4.0.0-beta.15"])
def test_steps_name_the_plugins_where_they_lie(job: Job, version: str) -> None:
    """The repository, the folder in it, the version."""
    job.run(version)

    uploaded = json.loads((job.folder / "uploaded").read_text())
    steps = uploaded["steps"][0]["steps"]
    named = [source for step in steps for plugin in step["plugins"] for source in plugin]
    assert named == [
        f"https://git.example/acme/ship.git/plugins/{name}#v1.2" for name in ("test-shard", "tests-complete")
    ]
