"""After every event: start what may run, give up what never can, and say what the build has become."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.dependencies import Graph, Verdict
from shipping.local.engine.records import ACTIVE, Block, Command, Input, Job, JobState, Step, Trigger
from shipping.local.engine.rollup import roll_up
from shipping.local.engine.triggers import carry, request

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft


def settle(draft: Draft, build_id: str) -> None:
    """Move the build's waiting jobs until nothing moves any more, then roll up its state, and tell the builds around it.

    What is scheduled stays so: a wait that is uploaded later, before it, does not take it back.
    """
    unsettled = [build_id]
    while unsettled:
        one = unsettled.pop()
        _settle(draft, one)
        unsettled += carry(draft, one)


def _settle(draft: Draft, build_id: str) -> None:
    while _release(draft, build_id) or _give_up(draft, build_id):
        pass
    roll_up(draft, build_id)


def _waiting(draft: Draft, build_id: str) -> list[Job]:
    return [job for job in draft.jobs(build_id).values() if job.state is JobState.WAITING]


def _graph(draft: Draft, build_id: str) -> Graph:
    return Graph(draft.build(build_id), draft.steps(build_id), draft.jobs(build_id))


def _release(draft: Draft, build_id: str) -> bool:
    """Act on every verdict that is in; True if any job moved."""
    waiting = _waiting(draft, build_id)
    if not waiting:
        return False
    graph, verdicts, moved = _graph(draft, build_id), dict[str, Verdict](), False
    for job in waiting:
        step = draft.step(job)
        if step.id not in verdicts:
            verdicts[step.id] = graph.verdict(step)
        verdict = verdicts[step.id]
        if verdict.ready is None:
            continue
        moved = True
        draft.put(_released(job, step, draft.at) if verdict.ready else _doomed(job, step, verdict.reason, draft.at))
        if verdict.ready and isinstance(step.body, Trigger):
            request(draft, draft.job(job.id))
    return moved


def _released(job: Job, step: Step, at: float) -> Job:
    if isinstance(step.body, Block | Input):
        return replace(job, state=JobState.BLOCKED, scheduled_at=at)
    if not isinstance(step.body, Command | Trigger):
        return replace(job, state=JobState.PASSED, finished_at=at)
    if step.body.skip:
        return replace(job, state=JobState.SKIPPED, reason=step.body.skip, finished_at=at)
    return replace(job, state=JobState.SCHEDULED, scheduled_at=at)


def _doomed(job: Job, step: Step, reason: str, at: float) -> Job:
    state = JobState.BLOCKED_FAILED if isinstance(step.body, Block | Input) else JobState.WAITING_FAILED
    return replace(job, state=state, reason=reason, finished_at=at)


def _give_up(draft: Draft, build_id: str) -> bool:
    """With nothing left that could still upload a missing step or end a circle, what waits will never run."""
    jobs = draft.jobs(build_id).values()
    waiting = _waiting(draft, build_id)
    if not waiting or any(job.state in ACTIVE or job.state is JobState.BLOCKED for job in jobs):
        return False
    graph = _graph(draft, build_id)
    verdicts = [(job, graph.verdict(draft.step(job))) for job in waiting]
    missing = [(job, verdict.reason) for job, verdict in verdicts if verdict.missing]
    for job, reason in missing or [(job, "its dependencies are a circle") for job in waiting]:
        draft.put(_doomed(job, draft.step(job), reason, draft.at))
    return True
