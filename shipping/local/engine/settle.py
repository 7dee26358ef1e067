"""After every event: start what may run, give up what never can, and say what the build has become."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.dependencies import Graph, Verdict
from shipping.local.engine.records import ACTIVE, Command, Job, JobState, Step
from shipping.local.engine.rollup import roll_up

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft


def settle(draft: Draft, build_id: str) -> None:
    """Move the build's waiting jobs until nothing moves any more, then roll up its state.

    What is scheduled stays so: a wait that is uploaded later, before it, does not take it back.
    """
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
        draft.put(_released(job, step, draft.at) if verdict.ready else _doomed(job, verdict.reason, draft.at))
    return moved


def _released(job: Job, step: Step, at: float) -> Job:
    if not isinstance(step.body, Command):
        return replace(job, state=JobState.PASSED, finished_at=at)
    if step.body.skip:
        return replace(job, state=JobState.SKIPPED, reason=step.body.skip, finished_at=at)
    return replace(job, state=JobState.SCHEDULED, scheduled_at=at)


def _doomed(job: Job, reason: str, at: float) -> Job:
    return replace(job, state=JobState.WAITING_FAILED, reason=reason, finished_at=at)


def _give_up(draft: Draft, build_id: str) -> bool:
    """With nothing left that could still upload a missing step or end a circle, what waits will never run."""
    jobs = draft.jobs(build_id).values()
    waiting = _waiting(draft, build_id)
    if not waiting or any(job.state in ACTIVE for job in jobs):
        return False
    graph = _graph(draft, build_id)
    verdicts = [(job, graph.verdict(draft.step(job))) for job in waiting]
    missing = [(job, verdict.reason) for job, verdict in verdicts if verdict.missing]
    for job, reason in missing or [(job, "its dependencies are a circle") for job in waiting]:
        draft.put(_doomed(job, reason, draft.at))
    return True
