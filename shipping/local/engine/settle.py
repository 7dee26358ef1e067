"""After every event: start what may run, give up what never can, and say what the build has become."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.concurrency import admit, stuck
from shipping.local.engine.dependencies import Graph, Verdict
from shipping.local.engine.kinds import Block, Command, Input, Trigger
from shipping.local.engine.rollup import roll_up
from shipping.local.engine.states import ACTIVE, BuildState, JobState
from shipping.local.engine.triggers import carry, request
from shipping.local.engine.withdraw import withdraw

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.records import Job, Step

BROKEN = frozenset({BuildState.FAILING, BuildState.FAILED})
"""A build that is one of these has told its jobs before; one retried by hand is not canceled for what failed earlier."""


def settle(draft: Draft, build_id: str) -> None:
    """Move the build's waiting jobs until nothing moves any more, roll up its state, and hand on what it sets free.

    What becomes of it is told to the builds that it was triggered by and that it triggers, and so on.

    What is scheduled stays so: a wait that is uploaded later, before it, does not take it back.
    """
    _settle_around(draft, build_id)
    admit(draft)
    while (member := stuck(draft)) is not None:
        reason = f"it waits for a step that stands behind it in concurrency group {member.group!r}"
        draft.put(_doomed(member.job, draft.step(member.job), reason, draft.at))
        _settle_around(draft, member.job.build)
        admit(draft)


def _settle_around(draft: Draft, build_id: str) -> None:
    unsettled = [build_id]
    while unsettled:
        one = unsettled.pop()
        _settle(draft, one)
        unsettled += carry(draft, one)


def _settle(draft: Draft, build_id: str) -> None:
    before = draft.build(build_id).state
    while True:
        while _release(draft, build_id) or _give_up(draft, build_id):
            pass
        roll_up(draft, build_id)
        if before in BROKEN or draft.build(build_id).state not in BROKEN:
            return
        before = BuildState.FAILING
        _fail_fast(draft, build_id)


def _fail_fast(draft: Draft, build_id: str) -> None:
    """The build has begun to fail: what asked for it (``cancel_on_build_failing``) goes, running, limited or waiting."""
    for job in list(draft.jobs(build_id).values()):
        body = draft.step(job).body
        if isinstance(body, Command) and body.cancel_on_build_failing:
            withdraw(draft, job, "canceled because the build is failing (cancel_on_build_failing)")


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
    if isinstance(step.body, Command) and step.body.concurrency is not None:
        return replace(job, state=JobState.LIMITED)
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
