"""What a build has become, from its jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.kinds import Block, Input
from shipping.local.engine.records import Build, latest
from shipping.local.engine.states import ACTIVE, ENDED, FINISHED, HARD, BuildState, JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shipping.local.engine.draft import Draft
    from shipping.local.engine.records import Job


def roll_up(draft: Draft, build_id: str) -> None:
    """Write the build's state and times if they changed."""
    build = draft.build(build_id)
    state = build_state(build, draft.jobs(build_id))
    changed = replace(
        build,
        state=state,
        blocked_state=_blocked_state(draft, build) if state is BuildState.BLOCKED else "",
        started_at=_first_start(build, draft.jobs(build_id)),
        finished_at=(build.finished_at or draft.at) if state in FINISHED else None,
    )
    if changed != build:
        draft.put(changed)


def build_state(build: Build, jobs: Mapping[str, Job]) -> BuildState:
    """Return the state that the jobs' latest attempts make."""
    counting = latest(jobs)
    ended = all(job.state in ENDED for job in counting)
    if build.canceled_at is not None:
        return BuildState.CANCELED if ended else BuildState.CANCELING
    if build.superseded_by is not None:
        return BuildState.SKIPPED
    failed = any(job.state in HARD and not job.soft_failed for job in counting)
    if ended:
        return BuildState.FAILED if failed else _ended_well(counting)
    if is_blocked(counting):
        return BuildState.FAILED if failed else BuildState.BLOCKED
    if failed:
        return BuildState.FAILING
    begun = any(job.started_at is not None for job in jobs.values())
    return BuildState.RUNNING if begun else BuildState.SCHEDULED


def is_blocked(jobs: Collection[Job]) -> bool:
    """Return whether nothing goes on until a person unblocks a step. Of a failed build, too, more could be let run."""
    states = {job.state for job in jobs}
    return JobState.BLOCKED in states and not states & ACTIVE


def _blocked_state(draft: Draft, build: Build) -> str:
    """Return what the first of the steps that hold the build says it is meanwhile."""
    blocked = {job.step for job in draft.jobs(build.id).values() if job.state is JobState.BLOCKED}
    body = draft.steps(build.id)[next(step for step in build.order if step in blocked)].body
    return body.blocked_state if isinstance(body, Block | Input) else ""


def _ended_well(jobs: Collection[Job]) -> BuildState:
    """Return passed; not_run where every step was skipped, by ``skip`` or by a filter."""
    skipped = [job for job in jobs if job.state in (JobState.SKIPPED, JobState.BROKEN)]
    waits = [job for job in jobs if job.state is JobState.PASSED and job.started_at is None]
    return BuildState.NOT_RUN if skipped and len(skipped) + len(waits) == len(jobs) else BuildState.PASSED


def _first_start(build: Build, jobs: Mapping[str, Job]) -> float | None:
    if build.started_at is not None:
        return build.started_at
    return min((job.started_at for job in jobs.values() if job.started_at is not None), default=None)
