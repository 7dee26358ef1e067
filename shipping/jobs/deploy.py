"""`ship job deploy`: bring the build's commit to one region, if it may go there. Needs no checkout."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline_gen.clock import rfc3339
from pipeline_gen.errors import UsageError
from shipping.aws import ec2
from shipping.fleet.reasons import reasons
from shipping.fleet.waiting import POLL
from shipping.jobs.held import hold
from shipping.jobs.planned import tell
from shipping.lane.machine import Act
from shipping.pipelines.deploy import APP, BUCKET, REGION, TRUSTED
from shipping.processes import ProcessTree, agent_of, exit_on_sigterm
from shipping.release.commands import Shop
from shipping.release.deploy import Deployed, Followed, Order, Skipped, Stopped, deploy
from shipping.signing import Trusted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shipping.jobs.context import JobContext
    from shipping.processes import Ended
    from shipping.release.deploy import Ending
    from shipping.s3 import Bucket

FAILED = 1


def run(context: JobContext) -> int:
    """Return 0 where the release is deployed, or the region is locked, or wants another one; 1 where the command failed, or too
    many hosts did.
    """
    app, region, name = _where(context)
    order = Order(app=app, region=region, commit=_commit(context), act=_act(context), trusted=_trusted(context))
    with (
        exit_on_sigterm(),
        TemporaryDirectory(prefix="ship-deploy-") as made,
        ProcessTree(folder=Path(made), agent=agent_of(context.env)) as tree,
        context.bucket(name) as bucket,
    ):
        ending = deploy(order, bucket, Path(made), lambda unpacked: _shop(context, bucket, tree, unpacked, Path(made)))
        why = _why(context, order, ending, bucket)
    said, style = describe(order, ending)
    said = "\n\n".join([said, *why])
    context.say(said)
    if isinstance(ending, Stopped):
        hold(context, order, name, ending)
    tell(context, "annotate the build", lambda: context.agent.annotate(said, context="deploy", style=style))
    return FAILED if _failed(ending) else 0


def _failed(ending: Ending) -> bool:
    if isinstance(ending, Followed):
        return not ending.waited.ok
    return isinstance(ending, Deployed) and ending.run.status != 0


def _why(context: JobContext, order: Order, ending: Ending, bucket: Bucket) -> list[str]:
    """Return what failed hosts say of it, given a moment to do so."""
    if not isinstance(ending, Followed) or not ending.waited.count.failed:
        return []
    failed = ending.waited.count.failed
    found = reasons(bucket, order.app, order.region, ending.token, failed)
    if not found:
        context.clock.sleep(POLL)
        found = reasons(bucket, order.app, order.region, ending.token, failed)
    return found


def describe(order: Order, ending: Ending) -> tuple[str, str]:
    """Return what happened in one line, and the style it is shown in."""
    what = f"{order.commit[:12]} to {order.region}"
    if isinstance(ending, Stopped):
        lock = ending.lock
        return f"{what}: not deployed, {order.region} is locked by {lock.who} since {lock.since}: {lock.why}", "warning"
    if isinstance(ending, Skipped):
        return f"{what}: superseded: {ending.why}", "info"
    after = f"after {ending.previous[:12]}" if ending.previous else "the first release there"
    still = f"{order.region} goes on wanting {order.commit[:12]} (token {ending.token})"
    if isinstance(ending, Followed):
        words = ending.waited.words()
        if ending.waited.ok:
            return f"{what}: {words} (token {ending.token}, {after})", "success"
        return f"{what}: {words}; {still}: retry this job, or ship a newer release", "error"
    status = ending.run.status
    if status != 0:
        failed = f"{what}: the deploy command ended with status {status} after {ending.run.seconds:.1f} s"
        return f"{failed}; {still}: retry this job, or ship a newer release", "error"
    return f"{what}: deployed in {ending.run.seconds:.1f} s (token {ending.token}, {after})", "success"


def _where(context: JobContext) -> tuple[str, str, str]:
    """Return app, region and the region's bucket: the plugin's configuration, or the step's variables."""
    if context.env.get("BUILDKITE_PLUGIN_CONFIGURATION"):
        given = context.plugin()
        found = tuple(str(given.get(key) or "") for key in ("app", "region", "bucket"))
    else:
        found = tuple(context.env.get(name, "") for name in (APP, REGION, BUCKET))
    if not all(found):
        raise UsageError(
            f"cannot tell what to deploy where: {APP}, {REGION} and {BUCKET} are not all set",
            hint="ship buildkite sync, which writes them into the pipeline's first step",
        )
    app, region, bucket = found
    return app, region, bucket


def _trusted(context: JobContext) -> Trusted | None:
    """Return the public keys to verify with: the pipeline's settings, or the step's plugin, name them, no record does."""
    given = context.plugin().get("trusted") if context.env.get("BUILDKITE_PLUGIN_CONFIGURATION") else None
    entries = given if isinstance(given, list) else context.env.get(TRUSTED, "").split(",")
    words = [(TRUSTED, str(entry).split()) for entry in entries if str(entry).strip()]
    return Trusted.parse(f"the variable {TRUSTED}", words) if words else None


def _commit(context: JobContext) -> str:
    commit = context.variable("BUILDKITE_COMMIT")
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise UsageError(
            f"cannot deploy {commit!r}: it is not a full commit", hint="start a new build, with all 40 digits of it"
        )
    return commit


def _act(context: JobContext) -> Act:
    """Return the act of this step: the same in every attempt at it, another in every build."""
    ids = f"{context.variable('BUILDKITE_BUILD_ID')}/{context.variable('BUILDKITE_STEP_ID')}"
    number, pipeline = context.env.get("BUILDKITE_BUILD_NUMBER", "?"), context.env.get("BUILDKITE_PIPELINE_SLUG", "?")
    return Act(
        # Short: the lane keeps it, and every host reads the lane.
        id=f"deploy-{hashlib.sha256(ids.encode()).hexdigest()[:20]}",
        at=rfc3339(context.clock.now()),
        actor=context.env.get("BUILDKITE_BUILD_CREATOR") or "Buildkite",
        reason=f"build {number} of {pipeline}",
    )


def _shop(context: JobContext, bucket: Bucket, tree: ProcessTree, unpacked: Path, folder: Path) -> Shop:
    def execute(argv: Sequence[str], cwd: Path, more: Mapping[str, str]) -> Ended:
        return tree.run(argv, cwd=cwd, env={**context.env, **more}, output=context.say)

    return Shop(
        slug=unpacked,
        folder=folder,
        store=bucket,
        clock=context.clock,
        build=context.variable("BUILDKITE_BUILD_ID"),
        execute=execute,
        say=context.say,
        tagged=ec2.connect,
    )
