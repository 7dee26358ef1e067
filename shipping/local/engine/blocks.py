"""Block and input steps: a person answers what they ask, and lets the build go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.commands import SetMetaData
from shipping.local.engine.fields import answers
from shipping.local.engine.kinds import Block, Input
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.settle import settle
from shipping.local.engine.states import JobState

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.events import JobUnblocked


def unblock(draft: Draft, event: JobUnblocked) -> None:
    """Keep the answers as meta-data and go on; raises Rejection, in Buildkite's words where they are known."""
    job = draft.job(event.job)
    body = draft.step(job).body
    if not isinstance(body, Block | Input):
        raise Rejection("This job type cannot be unblocked", status=400)
    if draft.build(job.build).canceled_at is not None:
        raise Rejection("Jobs from canceled builds cannot be unblocked")
    if job.state is not JobState.BLOCKED:
        raise Rejection(f"The job's state must be blocked, and it is {job.state}")
    found = answers(body.fields, event.fields)
    draft.commands += [SetMetaData(build=job.build, key=key, value=value) for key, value in found.items()]
    draft.put(
        replace(job, state=JobState.UNBLOCKED, finished_at=draft.at, unblocker=event.by, answers=found, reason="")
    )
    settle(draft, job.build)
