"""Builds of small suites whose shards run for real: git, pytest and processes. Only `buildkite-agent` is a stand-in program."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pipeline_gen.clock import SystemClock
from pipeline_gen.config import Config, Suite, resolved
from pipeline_gen.plan import Plan, StoredPlan, digest
from pipeline_gen.shell import LocalShell
from pipeline_gen.suites.discovery import find_test_files
from pipeline_gen.suites.durations import Durations
from pipeline_gen.suites.planning import make_test_plan
from shipping.buildkite import Agent
from shipping.jobs import test_shard, tests_complete
from shipping.jobs.context import JobContext
from shipping.memory import MemoryStore
from shipping.testrun.report import Report, reports_prefix
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline_gen.ports import VersionedStore
    from pipeline_gen.suites.parts import TestPlan
    from shipping.s3 import Bucket

# Writes down what it is told and keeps what it is given, as far as these tests ask.
AGENT = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
case "$1" in
  annotate) cat > "$(dirname "$0")/annotation-$3.md" ;;
  artifact) cp junit/*.xml "$(dirname "$0")" ;;
esac
"""


@dataclass(kw_only=True)
class Build:
    """One build of one suite. ``said`` is what the jobs printed, ``told`` the folder of the stand-in agent."""

    repository: Repository
    told: Path
    suite: Suite
    durations: Mapping[str, float] = field(default_factory=dict)
    main: bool = True
    store: VersionedStore = field(default_factory=MemoryStore)
    env: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    test_plan: TestPlan | None = None
    bucket: str = "ship-us"

    @classmethod
    def of(cls, folder: Path, files: Mapping[str, str], /, **given: Any) -> Build:  # noqa: ANN401 - Suite and Build check them
        """Commit the files in a new repository and plan a build of them; suite attributes are given by name."""
        repository = Repository.create(folder / "checkout")
        repository.commit("a suite", files)
        told = folder / "told"
        told.mkdir()
        (told / "buildkite-agent").write_text(AGENT)
        (told / "buildkite-agent").chmod(0o755)
        own = {key: given.pop(key) for key in list(given) if key in cls.__dataclass_fields__}
        suite = Suite(**{"name": "unit", "python": sys.executable, "hang": 30.0, **given})
        return cls(repository=repository, told=told, suite=suite, **own)

    @property
    def plan(self) -> Plan:
        git = self.repository.asked
        files = find_test_files(git.root, self.suite, git.files())
        test_plan = self.test_plan or make_test_plan(self.suite, files, Durations(self.durations))
        return Plan(
            app="inbox",
            build="b1",
            step="s1",
            commit=git.head(),
            branch="main" if self.main else "topic",
            main=self.main,
            base=None,
            position=1 if self.main else None,
            source=resolved(Config(app="inbox", bucket=self.bucket, suites=(self.suite,))),
            decisions=(),
            suites={self.suite.name: test_plan},
        )

    def run(self) -> list[int]:
        """Run every shard, then the proof; return their exit statuses."""
        shards = len(self.plan.suites[self.suite.name].parts)
        return [*(self.shard(number) for number in range(shards)), self.complete()]

    def shard(self, number: int = 0, *, attempt: int = 0) -> int:
        env = {"BUILDKITE_PARALLEL_JOB": str(number), "BUILDKITE_RETRY_COUNT": str(attempt)}
        return test_shard.run(self.context(f"job-{number}-{attempt}", {"suite": self.suite.name}, env))

    def complete(self, *, attempt: int = 0) -> int:
        env = {"BUILDKITE_RETRY_COUNT": str(attempt)}
        return tests_complete.run(self.context(f"proof-{attempt}", {"suites": [self.suite.name]}, env))

    def context(self, job: str, configuration: dict[str, Any], env: Mapping[str, str]) -> JobContext:
        plan = self.plan
        self.store.create(plan.key, StoredPlan(plan=plan, pipeline=()).encode())
        handed = {**configuration, "plan": plan.key, "digest": digest(plan), "bucket": self.bucket}
        # These tests run in builds, too: what the outer job is told is not for the inner one.
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BUILDKITE_")},
            "BUILDKITE_JOB_ID": job,
            "BUILDKITE_PLUGIN_CONFIGURATION": json.dumps(handed),
            "NO_COLOR": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the plugins of this repository's own tests take half a second
            **env,
            **self.env,
        }
        shell = LocalShell()
        return JobContext(
            env=environment,
            root=self.repository.root,
            clock=SystemClock(),
            shell=shell,
            agent=Agent(shell, environment, program=str(self.told / "buildkite-agent")),
            bucket=lambda _name: cast("Bucket", self.store),
            say=self.said.append,
        )

    def reports(self) -> list[Report]:
        keys = self.store.list(reports_prefix(self.plan.key, self.suite.name))
        return [Report.decode(stored.body) for key in keys if (stored := self.store.get(key))]

    def report(self) -> Report:
        """Return the one report there is."""
        (report,) = self.reports()
        return report

    def ids_run(self) -> list[str]:
        return sorted(result.id for report in self.reports() for result in report.results)

    def annotation(self, context: str) -> str:
        return (self.told / f"annotation-{context}.md").read_text()

    @property
    def log(self) -> str:
        return "\n".join(self.said)
