"""The job of the plugin `conclude`: says how a release of main ends, and clears it for every region that deploys."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from pipeline_gen.clock import rfc3339
from pipeline_gen.errors import Refused
from pipeline_gen.plan import config_of
from shipping.jobs import keys
from shipping.jobs.planned import planned, tell
from shipping.release.conclude import TESTS, Candidate, conclude

if TYPE_CHECKING:
    from pipeline_gen.plan import Plan
    from shipping.jobs.context import JobContext
    from shipping.release.conclude import Concluded

REJECTED = 1


def run(context: JobContext) -> int:
    """Return 0 where the release is cleared, else 1."""
    plan = planned(context).plan
    config = config_of(plan)
    if not plan.main or plan.position is None:
        raise Refused(f"cannot conclude a release of {plan.branch!r}: releases are of the main branch")
    candidate = Candidate(
        app=plan.app,
        commit=plan.commit,
        position=plan.position,
        gates=(TESTS,) if plan.suites else (),
        config=plan.source,
    )
    signer = keys.signer(config, "clearance")
    with ExitStack() as stack:
        home = stack.enter_context(context.bucket(config.slug_buckets[0]))
        regions = {region.name: stack.enter_context(context.bucket(region.bucket)) for region in config.deploying}
        build = context.variable("BUILDKITE_BUILD_ID")
        done = conclude(candidate, home, regions, build=build, at=rfc3339(context.clock.now()), signer=signer)
    _say(context, plan, done)
    return 0 if done.outcome.result == "cleared" else REJECTED


def _say(context: JobContext, plan: Plan, done: Concluded) -> None:
    outcome = done.outcome
    lines = [f"release {plan.commit[:12]} at position {plan.position}: {outcome.result}"]
    lines += [f"  {why}" for why in outcome.why]
    lines += [f"  not cleared for {name}: {error.message}" for name, error in done.missing.items()]
    for line in lines:
        context.say(line)
    context.say(f"outcome kept as {done.key}")
    style = "error" if outcome.why else "warning" if done.missing else "success"
    body = "\n".join(["**" + lines[0] + "**", "", *(f"-{line}" for line in lines[1:])])
    tell(context, "annotate the build", lambda: context.agent.annotate(body, context="conclude", style=style))
