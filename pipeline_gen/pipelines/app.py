"""The pipeline `<app>`: tests, their proof and the slug, of main and of pull requests; on main, how the release ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline_gen.plan import config_of, digest
from pipeline_gen.policy import JOBS_PER_CHUNK, RECORD_START, SHARDS_PER_STEP, Kind, terms
from pipeline_gen.steps import Command, Dependency, Group, Plugin, Step, Trigger
from pipeline_gen.upload import PLAN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen.config import Config, Region
    from pipeline_gen.plan import Plan
    from pipeline_gen.suites.parts import TestPlan

COMPLETE = "tests-complete"
SLUG = "slug"
CONCLUDE = "conclude"

# A plugin's hook replaces the step's command. An agent that skips the hook (plugins disabled, an agent too old for
# sub-directories) would run this instead, and must not be green.
DID_NOT_RUN = "echo 'plugin did not run: is this agent allowed to run plugins?' >&2; exit 1"


def steps(plan: Plan) -> tuple[Step, ...]:
    """Return the steps of the plan; the same steps always, those with nothing to do carry a reason to skip."""
    builder = _Builder(plan=plan, config=config_of(plan), digest=digest(plan))
    return (*builder.tests(), *builder.slug(), *builder.release(), *builder.recording())


def shard_key(suite: str, slice_number: int = 0) -> str:
    """Return the key of a suite's shard step; suites of more shards than one step may have get several."""
    return f"tests-{suite}" if slice_number == 0 else f"tests-{suite}-{slice_number + 1}"


def deploy_pipeline(app: str, region: str) -> str:
    """Return what we call the pipeline that deploys to a region; its pipeline slug may have a prefix."""
    return f"{app}-deploy-{region}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    plan: Plan
    config: Config
    digest: str

    def tests(self) -> tuple[Step, ...]:
        shards = [step for test_plan in self.plan.suites.values() for step in self._shards(test_plan)]
        if not self.plan.suites:
            return ()
        proof = self._step(
            "proof",
            key=COMPLETE,
            label="tests complete",
            plugin="tests-complete",
            configuration={"suites": list(self.plan.suites)},
            depends_on=tuple(Dependency(step=step.key, allow_failure=True) for step in shards),
        )
        return _groups([*shards, proof])

    def slug(self) -> tuple[Step, ...]:
        if self.config.slug is None:
            return ()
        return (self._step("slug", key=SLUG, label="slug", plugin="slug", configuration={}),)

    def release(self) -> tuple[Step, ...]:
        """Return how a release of main ends: its conclusion, then a deploy of its own in every region that deploys."""
        regions = self.config.deploying
        if not self.plan.main or not regions:
            return ()
        needed = (*((COMPLETE,) if self.plan.suites else ()), SLUG)
        conclude = self._step(
            "conclude",
            key=CONCLUDE,
            label="conclude",
            plugin="conclude",
            configuration={},
            # However they end: a release that is rejected is told why, and is counted.
            depends_on=tuple(Dependency(step=step, allow_failure=True) for step in needed),
        )
        return (Group(key="release", label="release", steps=(conclude, *map(self._deploy, regions))),)

    def recording(self) -> tuple[Step, ...]:
        """Return the steps that record coverage: on main only, for suites that select, beside the critical path.

        Nothing waits for them and their failure is soft: a missing map costs time on pull requests, never a release.
        """
        return tuple(
            self._record(test_plan)
            for name, test_plan in self.plan.suites.items()
            if self.plan.main and test_plan.parts and (suite := self.config.suite(name)) and suite.select != "off"
        )

    def _shards(self, test_plan: TestPlan) -> list[Command]:
        suite, count = test_plan.suite, len(test_plan.parts)
        first = self._step(
            "shard",
            key=shard_key(suite),
            label=f"{suite} tests",
            plugin="test-shard",
            configuration={"suite": suite},
            seconds=test_plan.makespan,
        )
        if count == 0:
            return [replace(first, skip="no test file is affected by the change")]
        cut: list[Command] = []
        for number, start in enumerate(range(0, count, SHARDS_PER_STEP)):
            jobs = min(SHARDS_PER_STEP, count - start)
            configuration = {"suite": suite, "first": start} if start else {"suite": suite}
            cut.append(
                replace(
                    first,
                    key=shard_key(suite, number),
                    plugins=(self._plugin("test-shard", configuration),),
                    parallelism=jobs,
                )
            )
        return cut

    def _record(self, test_plan: TestPlan) -> Command:
        suite, jobs = test_plan.suite, min(len(test_plan.parts), SHARDS_PER_STEP)
        # Each test file is recorded in a process of its own, which costs a start of pytest each.
        starts = RECORD_START * len(test_plan.files) / jobs
        record = self._step(
            "record",
            key=f"record-{suite}",
            label=f"record coverage of {suite}",
            plugin="record-coverage",
            configuration={"suite": suite},
            seconds=test_plan.makespan + starts,
        )
        return replace(record, parallelism=jobs, soft_fail=True)

    def _deploy(self, region: Region) -> Trigger:
        return Trigger(
            key=f"deploy-{region.name}",
            label=f"deploy to {region.name}",
            pipeline=self.config.buildkite.pipeline_slug(deploy_pipeline(self.config.app, region.name)),
            commit=self.plan.commit,
            branch=self.plan.branch,
            message=f"{self.plan.commit[:12]} to {region.name}",
            # For people and what they write; the deploy itself believes the clearance only.
            meta_data={f"{self.config.app}:release": str(self.plan.position)},
            depends_on=(Dependency(step=CONCLUDE),),
        )

    def _step(
        self,
        kind: Kind,
        *,
        key: str,
        label: str,
        plugin: str,
        configuration: dict[str, Any],
        seconds: float = 0.0,
        depends_on: tuple[Dependency, ...] = (),
    ) -> Command:
        given = terms(kind, self.config.buildkite, main=self.plan.main, seconds=seconds)
        return Command(
            key=key,
            label=label,
            command=DID_NOT_RUN,
            plugins=(self._plugin(plugin, configuration),),
            depends_on=depends_on,
            queue=given.queue,
            timeout=given.timeout,
            priority=given.priority,
            retry=given.retry,
            env={PLAN_VARIABLE: self.digest},
        )

    def _plugin(self, name: str, configuration: dict[str, Any]) -> Plugin:
        # The digest is named twice, here for the job and in the step's env for a retried upload: the agent can ask
        # Buildkite for a step's env, not for its plugins.
        handed = {**configuration, "plan": self.plan.key, "digest": self.digest}
        if self.config.bucket is not None:
            handed["bucket"] = self.config.bucket
        return Plugin(source=self.config.plugins.of(name), configuration=handed)


def _groups(steps: Sequence[Command]) -> tuple[Group, ...]:
    """Put the steps into as few groups as one upload can hold each; the proof comes last, after all it depends on."""
    filled: list[list[Command]] = [[]]
    for step in steps:
        if sum(one.jobs for one in filled[-1]) + step.jobs + 1 > JOBS_PER_CHUNK:
            filled.append([])
        filled[-1].append(step)
    keys = ["tests", *(f"tests-group-{number}" for number in range(2, len(filled) + 1))]
    return tuple(Group(key=key, label="tests", steps=tuple(one)) for key, one in zip(keys, filled, strict=True))
