"""What the jobs of the test steps have in common: the plan that their plugin's configuration names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import InfraError, ShipError, UsageError, nearest
from pipeline_gen.git import Git
from pipeline_gen.plan import config_of, read_plan
from shipping.buildkite import ArtifactStore
from shipping.testrun.history import flaky_history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pipeline_gen.config import Suite
    from pipeline_gen.plan import Plan
    from pipeline_gen.ports import VersionedStore
    from pipeline_gen.suites.parts import TestPlan
    from shipping.jobs.context import JobContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The plan of this build and the store it lies in. ``configuration`` is the plugin's."""

    plan: Plan
    digest: str
    store: VersionedStore
    configuration: Mapping[str, Any]

    def suite(self, name: str) -> tuple[Suite, TestPlan]:
        """Return a suite's configuration and test plan; raises UsageError where the plan has no such suite."""
        suite, test_plan = config_of(self.plan).suite(name), self.plan.suites.get(name)
        if suite is None or test_plan is None:
            known = ", ".join(self.plan.suites)
            raise UsageError(
                f"cannot find the suite {name!r} in the plan, which has {known}{nearest(name, self.plan.suites)}"
            )
        return suite, test_plan

    def hand_in(self, context: JobContext, key: str, body: bytes, folder: Path, pattern: str) -> bool:
        """Keep a body, and show files of ``folder`` on the build's page; False where the key holds another body.

        Where both are artifacts they go together: shards end at about the same time, and Buildkite counts the calls.
        """
        if isinstance(self.store, ArtifactStore):
            self.store.create_among(key, body, folder, pattern)
            return True
        if not self.store.create(key, body):
            return False
        tell(context, f"upload {pattern!r}", lambda: context.agent.upload_artifacts(pattern, cwd=folder))
        return True


def planned(context: JobContext) -> Planned:
    """Fetch the plan. Raises UsageError where the plugin's configuration lacks what names it."""
    configuration = context.plugin()
    missing = [key for key in ("plan", "digest") if not isinstance(configuration.get(key), str)]
    if missing:
        raise UsageError(
            f"cannot find the plan: the plugin's configuration lacks {', '.join(map(repr, missing))}",
            hint="these steps are made by: ship pipeline upload",
        )
    bucket = configuration.get("bucket")
    store = context.bucket(bucket) if bucket else _artifacts(context, configuration["plan"])
    plan = read_plan(store, configuration["plan"], configuration["digest"])
    return Planned(plan=plan, digest=configuration["digest"], store=store, configuration=configuration)


def _artifacts(context: JobContext, plan_key: str) -> ArtifactStore:
    """Return the store of a build without a bucket.

    Raises InfraError where the plan is not in it: it was kept before this step was uploaded, so a later look will find it.
    """
    store = ArtifactStore(context.agent)
    if store.get(plan_key) is None:
        raise InfraError(f"could not find the plan {plan_key!r} among the artifacts of this build")
    return store


def must_be_checked_out(context: JobContext, plan: Plan) -> None:
    """Raise InfraError where the checkout is another commit than the plan's: its results would be of something else."""
    head = Git(context.shell, context.root).head()
    if head != plan.commit:
        raise InfraError(f"could not run tests of {plan.commit[:12]!r}: the checkout is at {head[:12]!r}")


def attempt(context: JobContext) -> int:
    """Return how many times this job was tried before."""
    return int(context.env.get("BUILDKITE_RETRY_COUNT") or 0)


def known_flaky(context: JobContext, given: Planned, suite: str) -> dict[str, str]:
    """Return what main knows of a suite's flaky tests, by test id; nothing where it cannot be read."""
    found: dict[str, str] = {}
    tell(
        context,
        "read the flaky tests of main",
        lambda: found.update(flaky_history(given.store, given.plan.app, suite)),
    )
    return found


def tell(context: JobContext, what: str, action: Callable[[], object]) -> None:
    """Do something that is for people only; its failure is said and changes nothing."""
    try:
        action()
    except ShipError as error:
        context.say(f"could not {what}: {error.message}")
