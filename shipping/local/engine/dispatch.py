"""Who runs where: agent query rules, and the order in which jobs are handed out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.kinds import Command
from shipping.local.engine.matrix import command_of
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import AgentState, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.local.engine.draft import Draft
    from shipping.local.engine.events import AgentPinged, JobAccepted
    from shipping.local.engine.records import Agent, Job

DEFAULT_QUEUE = "queue=default"


def matches(rules: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    """Return whether an agent with these tags may run a job with these rules: all must hold, ``k=*`` holds for any value.

    A job that names no queue runs in the default one, and an agent without a queue is in it.
    """
    own = set(tags) if any(tag.startswith("queue=") for tag in tags) else {*tags, DEFAULT_QUEUE}
    wanted = rules if any(rule.startswith("queue=") for rule in rules) else (*rules, DEFAULT_QUEUE)
    return all(_holds(rule, own) for rule in wanted)


def _holds(rule: str, tags: set[str]) -> bool:
    name, _, value = rule.partition("=")
    if value in ("", "*"):
        return any(tag.partition("=")[0] == name for tag in tags)
    return rule in tags


def offer(draft: Draft, event: AgentPinged) -> None:
    """Assign the best matching job to an idle agent. What it was assigned before and has not started stays its own."""
    agent = replace(draft.agent(event.agent), seen_at=draft.at, state=AgentState.CONNECTED)
    draft.remember(agent)
    if agent.stopping or agent.job is not None:
        return
    job = min(_candidates(draft, agent), key=lambda one: _rank(draft, one), default=None)
    if job is not None:
        draft.put(replace(job, state=JobState.ASSIGNED, agent=agent.id, assigned_at=draft.at))
        draft.put(replace(agent, job=job.id))


def _candidates(draft: Draft, agent: Agent) -> Iterator[Job]:
    # Most jobs of a build ask for the same agents: one answer per set of rules is enough.
    fits: dict[tuple[str, ...], bool] = {}
    for build in draft.unfinished():
        for job in draft.jobs(build.id).values():
            if job.state is JobState.SCHEDULED:
                body = command_of(draft.step(job), job)
                if body is None:
                    continue
                if body.agents not in fits:
                    fits[body.agents] = matches(body.agents, agent.tags)
                if fits[body.agents]:
                    yield job


def _rank(draft: Draft, job: Job) -> tuple[int, float, int, str]:
    """Order by priority, then by the age of the request (uploaded jobs inherit their uploader's), then as uploaded."""
    step = draft.step(job)
    priority = step.body.priority if isinstance(step.body, Command) else 0
    return -priority, step.queued_at, job.place, job.id


def accept(draft: Draft, event: JobAccepted) -> None:
    """The agent takes the job it was offered. Asking twice is fine: the first answer may have been lost."""
    job = draft.job(event.job)
    if job.agent != event.agent or job.state not in (JobState.ASSIGNED, JobState.ACCEPTED):
        raise Rejection(f"The job {job.id} is {job.state}, and not offered to this agent", status=422)
    if job.state is JobState.ASSIGNED:
        draft.put(replace(job, state=JobState.ACCEPTED, accepted_at=draft.at))
