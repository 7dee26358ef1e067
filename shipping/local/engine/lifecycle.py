"""What agents report about themselves and their jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.commands import Note
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.retry import retry_by_rule
from shipping.local.engine.settle import settle
from shipping.local.engine.states import TAKEN, AgentState, JobState
from shipping.local.engine.withdraw import forgiven

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.events import AgentLeft, AgentRegistered, AgentSeen, JobFinished, JobStarted
    from shipping.local.engine.records import Agent, Job

LOST = -1


def register(draft: Draft, event: AgentRegistered) -> None:
    """Take in a new agent, idle."""
    draft.put(replace(event.agent, seen_at=draft.at))


def seen(draft: Draft, event: AgentSeen) -> None:
    """A sign of life. One from an agent that was given up brings it back; its job has gone to another attempt."""
    agent = replace(draft.agent(event.agent), seen_at=draft.at)
    if agent.state is AgentState.LOST:
        draft.put(replace(agent, state=AgentState.CONNECTED))
    else:
        draft.remember(agent)


def leave(draft: Draft, event: AgentLeft) -> None:
    """The agent goes. A job it still holds has lost its agent."""
    agent = draft.agent(event.agent)
    draft.put(replace(agent, state=AgentState.DISCONNECTED, job=None))
    abandon(draft, agent, f"The agent {agent.name!r} disconnected")


def abandon(draft: Draft, agent: Agent, why: str) -> None:
    """End what the agent held: an offer goes back to the queue, a taken job ends with -1."""
    if agent.job is None:
        return
    job = draft.job(agent.job)
    if job.state is JobState.ASSIGNED:
        draft.put(replace(job, state=JobState.SCHEDULED, agent=None, assigned_at=None))
    elif job.state in TAKEN:
        draft.commands.append(Note(job=job.id, text=f"{why}: the job ends with exit status {LOST}."))
        end(draft, replace(job, exit_status=LOST, reason=why))
        settle(draft, job.build)


def start(draft: Draft, event: JobStarted) -> None:
    """The agent has begun to run the job it accepted. Said twice, it counts once."""
    job = draft.job(event.job)
    if job.state is JobState.ACCEPTED:
        draft.put(replace(job, state=JobState.RUNNING, started_at=draft.at))
        settle(draft, job.build)
    elif job.state not in TAKEN:
        raise Rejection(f"The job {job.id} is {job.state} and cannot be started")
    elif job.started_at is None:
        draft.put(replace(job, started_at=draft.at))


def finish(draft: Draft, event: JobFinished) -> None:
    """The agent's last word. Said twice (the answer was lost) it counts once; said after the job ended, not at all."""
    job = draft.job(event.job)
    told = (event.exit_status, event.signal, event.signal_reason)
    if job.state not in TAKEN:
        if (job.exit_status, job.signal, job.signal_reason) == told:
            return
        raise Rejection(f"The job {job.id} is {job.state}: it has ended before", status=409)
    end(
        draft,
        replace(job, exit_status=event.exit_status, signal=event.signal, signal_reason=event.signal_reason),
    )
    if job.agent is not None:
        draft.put(replace(draft.agent(job.agent), job=None))
    settle(draft, job.build)


def end(draft: Draft, job: Job) -> None:
    """Judge an ended job, and let the retry rules look at it."""
    passed = job.exit_status == 0
    canceled = job.state is JobState.CANCELING
    timed_out = job.state is JobState.TIMING_OUT
    state = (
        JobState.CANCELED
        if canceled
        else JobState.PASSED
        if passed
        else JobState.TIMED_OUT
        if timed_out
        else JobState.FAILED
    )
    if timed_out and not passed and not job.signal_reason:
        job = replace(job, signal_reason="cancel")
    soft = state is not JobState.PASSED and forgiven(draft.step(job), job.exit_status)
    ended = replace(job, state=state, finished_at=draft.at, soft_failed=soft)
    draft.put(ended)
    if state in (JobState.FAILED, JobState.TIMED_OUT):
        retry_by_rule(draft, ended)
