"""Cancelling: what runs is asked to stop, what does not run yet never will."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.kinds import Command, Trigger
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.settle import settle
from shipping.local.engine.states import ENDED
from shipping.local.engine.stopping import stop_build
from shipping.local.engine.withdraw import withdraw

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.events import AgentStopped, BuildCanceled, JobCanceled


def cancel_build(draft: Draft, event: BuildCanceled) -> None:
    """Cancel a build, and with it the builds that its trigger steps wait for."""
    build = draft.build(event.build)
    if build.finished_at is not None:
        raise Rejection(f"Build #{build.number} is {build.state} and cannot be canceled")
    stop_build(draft, build)
    settle(draft, build.id)


def cancel_job(draft: Draft, event: JobCanceled) -> None:
    """End one job; raises Rejection if it has ended."""
    job = draft.job(event.job)
    if job.state in ENDED or not isinstance(draft.step(job).body, Command | Trigger):
        raise Rejection(f"The job {job.id} is {job.state} and cannot be canceled")
    withdraw(draft, job)
    settle(draft, job.build)


def stop_agent(draft: Draft, event: AgentStopped) -> None:
    """Let the agent go after its job, or cancel the job now."""
    agent = draft.agent(event.agent)
    draft.put(replace(agent, stopping=True))
    if event.force and agent.job is not None:
        job = draft.job(agent.job)
        withdraw(draft, job)
        settle(draft, job.build)
