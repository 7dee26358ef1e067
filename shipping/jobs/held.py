"""A deploy that a lock stopped: the step that its build waits at, which says who locked, why and since when, and what follows.

Unblocking asks everything once more, in a deploy of its own; it never unlocks. Only the newest release should be left waiting:
those before it are let go, and end as superseded, where the job has a token to do so.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from pipeline_gen.policy import MAIN_PRIORITY, RETRIES
from pipeline_gen.ports import KeyTakenError
from pipeline_gen.steps import Block, Command
from shipping.jobs.planned import tell
from shipping.pipelines.deploy import APP, BUCKET, MINUTES, NO_CHECKOUT, REGION, TRUSTED, rendered

if TYPE_CHECKING:
    from shipping.jobs.context import JobContext
    from shipping.records.lane import Lock
    from shipping.release.deploy import Order, Stopped

HELD = "SHIP_HELD"
"""How often this release was stopped before, in the environment of the deploy behind a block."""


def hold(context: JobContext, order: Order, bucket: str, stopped: Stopped) -> None:
    """Have the build wait, and let go those that wait for older releases. Done again by a retry of the job, it is done once."""
    number = int(context.env.get(HELD) or 0) + 1
    with contextlib.suppress(KeyTakenError):  # an earlier attempt of this very job uploaded them
        context.agent.upload({"steps": steps(context, order, bucket, stopped, number=number)})
    tell(context, "let go the builds of older releases", lambda: _let_go(context))


def steps(context: JobContext, order: Order, bucket: str, stopped: Stopped, *, number: int) -> list[dict[str, Any]]:
    """Return the block, and the same deploy behind it: by the job's own command, plugins, queue and keys."""
    block = Block(
        key=f"locked-{order.region}-{number}",
        label=_said(order.region, stopped.lock),
        prompt=f"This asks again and never unlocks. `ship unlock --region {order.region}` unlocks, and then unblocks.",
    )
    env, given = context.env, json.loads(context.env.get("BUILDKITE_PLUGINS") or "[]") or []
    names = {APP: order.app, REGION: order.region, BUCKET: bucket, TRUSTED: env.get(TRUSTED, ""), HELD: str(number)}
    skip = NO_CHECKOUT if env.get("BUILDKITE_SKIP_CHECKOUT") == "true" else {}
    command = Command(
        key=f"deploy-{order.region}-{number}",
        label=f"deploy to {order.region}",
        command=env.get("BUILDKITE_COMMAND") or "ship job deploy",
        queue=env.get("BUILDKITE_AGENT_META_DATA_QUEUE") or "default",
        timeout=MINUTES,
        priority=MAIN_PRIORITY,
        retry=RETRIES,
        env={name: value for name, value in {**names, **skip}.items() if value},
    )
    deploy = rendered(command, order.app, order.region, alone=stopped.alone)
    return [block.render(), {**deploy, "depends_on": block.key, **({"plugins": given} if given else {})}]


def _said(region: str, lock: Lock) -> str:
    # To the minute: `:51:` of a time with seconds would be read as an emoji's name.
    return f"{region} is locked by {lock.who} since {lock.since[:16].replace('T', ' ')} UTC: {lock.why}"


def _let_go(context: JobContext) -> None:
    """Unblock the builds before this one. Each finds a newer cleared release and ends; without a token nothing is done."""
    env = context.env
    if env.get("BUILDKITE_API_TOKEN"):
        # They load an HTTP library, which no deploy that is not held up wants to wait for.
        from shipping.buildkite.organization import opened
        from shipping.buildkite.waiting import let_go

        pipeline, mine = context.variable("BUILDKITE_PIPELINE_SLUG"), int(context.variable("BUILDKITE_BUILD_NUMBER"))
        with opened(context.variable("BUILDKITE_ORGANIZATION_SLUG"), env) as organization:
            for number in let_go(organization, pipeline, before=mine):
                context.say(f"let go build {number}, which waited for the same lock")
