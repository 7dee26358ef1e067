"""Intermediate builds: a newer build of the branch skips those still queued, and cancels those that run, where asked to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.branches import allows
from shipping.local.engine.states import ENDED, TAKEN, BuildState, JobState
from shipping.local.engine.stopping import stop_build
from shipping.local.engine.withdraw import withdraw

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.records import Build

RUNNING = frozenset({BuildState.RUNNING, BuildState.FAILING})


def supersede(draft: Draft, newer: Build) -> list[str]:
    """Skip and cancel what the newer build's pipeline asks for; return the builds that changed."""
    pipeline = newer.pipeline
    skips = pipeline.skip_queued_branch_builds and allows(pipeline.skip_queued_branch_builds_filter, newer.branch)
    cancels = pipeline.cancel_running_branch_builds and allows(
        pipeline.cancel_running_branch_builds_filter, newer.branch
    )
    found = []
    for older in draft.unfinished():
        same = (older.pipeline.slug, older.branch) == (pipeline.slug, newer.branch)
        if not same or older.id == newer.id or older.canceled_at is not None:
            continue
        if cancels and _runs(draft, older):
            stop_build(draft, replace(older, superseded_by=newer.id), f"superseded by build #{newer.number}")
            found.append(older.id)
        elif skips and _queued(draft, older):
            _skip(draft, older, newer)
            found.append(older.id)
    return found


def _taken(draft: Draft, build: Build) -> bool:
    return any(job.state in TAKEN for job in draft.jobs(build.id).values())


def _runs(draft: Draft, build: Build) -> bool:
    """Return whether the build has started: as documented, a blocked one counts while it says that it is running."""
    return build.state in RUNNING or build.blocked_state == "running" or _taken(draft, build)


def _queued(draft: Draft, build: Build) -> bool:
    return build.state is BuildState.SCHEDULED and not _taken(draft, build)


def _skip(draft: Draft, older: Build, newer: Build) -> None:
    draft.put(replace(older, superseded_by=newer.id))
    for job in list(draft.jobs(older.id).values()):
        if job.state not in ENDED:
            withdraw(draft, job)
            reason = f"superseded by build #{newer.number}"
            draft.put(replace(job, state=JobState.SKIPPED, agent=None, reason=reason, finished_at=draft.at))
