"""What only the passing of time brings: jobs that take too long, agents that have fallen silent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.commands import Note
from shipping.local.engine.kinds import Command
from shipping.local.engine.lifecycle import abandon
from shipping.local.engine.states import AgentState, JobState

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.events import Restarted, Ticked


def tick(draft: Draft, event: Ticked) -> None:
    """Time out what has run too long; give up agents that have been silent too long."""
    for build in draft.unfinished():
        for job in list(draft.jobs(build.id).values()):
            if job.state is JobState.RUNNING and job.started_at is not None:
                body = draft.step(job).body
                limit = body.timeout_in_minutes if isinstance(body, Command) else None
                if limit is not None and draft.at >= job.started_at + limit * 60:
                    draft.put(replace(job, state=JobState.TIMING_OUT))
                    draft.commands.append(Note(job=job.id, text=f"Timed out after {limit} min."))
    for agent in draft.agents():
        if agent.state is AgentState.CONNECTED and draft.at > agent.seen_at + event.lost_after:
            draft.put(replace(agent, state=AgentState.LOST, job=None))
            abandon(draft, agent, f"The agent {agent.name!r} was not heard of for {event.lost_after:g} s")


def restart(draft: Draft, event: Restarted) -> None:
    """We were away, not the agents: their silence begins now."""
    for agent in draft.agents():
        draft.remember(replace(agent, seen_at=event.at))
