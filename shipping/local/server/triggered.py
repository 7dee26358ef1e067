"""Makes the builds that trigger jobs ask for: the pipeline, its steps and the commit are known here, not to the engine."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from shipping.local.engine.environment import job_name
from shipping.local.engine.events import BuildCreated, TriggerFailed
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.triggers import pending, wanted
from shipping.local.server.rest.configuration import document
from shipping.local.server.rest.revision import Revision, resolve
from shipping.local.server.rest.settings import refuse_archived

if TYPE_CHECKING:
    from shipping.local.engine.records import Job
    from shipping.local.engine.triggers import Wanted
    from shipping.local.server.plane import Plane

LOG = logging.getLogger(__name__)


async def start_triggered(world: Plane) -> None:
    """Make one build after the other as they are asked for, those first that were asked for before a restart."""
    while True:
        # Cleared before we look: what is asked for while we look is seen in the next round.
        world.triggering.clear()
        for job in pending(world.state):
            try:
                await start(world, job)
            except Exception:
                # A full disk, say. The job still asks: we try again with the next tick.
                LOG.exception("could not make the build that job %s triggers", job.id)
                await asyncio.sleep(world.pace.tick)
                world.triggering.set()
        await world.triggering.wait()


async def start(world: Plane, job: Job) -> None:
    """Make the build of one trigger job, or fail the job with the reason why there is none."""
    step = world.state.steps[job.build][job.step]
    asked = wanted(world.state, job, job_name(step, job))
    try:
        await _create(world, job, asked)
    except Rejection as rejection:
        # The job may have been canceled while we looked for the commit: then there is nothing left to say.
        found = world.state.job(job.id)
        if found is not None and found in pending(world.state):
            world.apply(TriggerFailed(at=world.now(), job=job.id, reason=rejection.message))


async def _create(world: Plane, job: Job, asked: Wanted) -> None:
    pipeline = world.ledger.pipelines.get(asked.pipeline)
    if pipeline is None:
        raise Rejection(f"No pipeline found: {asked.pipeline!r}", status=404)
    refuse_archived(world, pipeline)
    branch = asked.branch or pipeline.default_branch
    revision = await resolve(
        world.shell,
        pipeline.repository,
        Revision(commit=asked.commit, branch=branch, message=asked.message),
    )
    event = BuildCreated(
        at=world.now(),
        id=asked.id,
        pipeline=pipeline,
        document=document(pipeline.configuration),
        branch=branch,
        commit=revision.commit,
        message=revision.message,
        author=asked.author,
        source="trigger_job",
        env=asked.env,
        meta_data=asked.meta_data,
        pull_request=asked.pull_request,
        pipelines=world.pipelines(),
        triggered_by=job.id,
    )
    world.apply(event)
