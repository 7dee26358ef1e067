"""Ending one job before its time: what an agent works on is asked to stop, what does not run yet never will."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.kinds import Command
from shipping.local.engine.states import ENDED, TAKEN, JobState

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.records import Job, Step


def withdraw(draft: Draft, job: Job, reason: str = "") -> None:
    """Cancel the job. One that has ended stays as it is; one that runs ends when its agent says so."""
    if job.state in ENDED:
        return
    job = replace(job, reason=reason or job.reason)
    if job.state in TAKEN:
        draft.put(replace(job, state=JobState.CANCELING))
        return
    if job.agent is not None:
        draft.put(replace(draft.agent(job.agent), job=None))
    soft = forgiven(draft.step(job), None)
    draft.put(replace(job, state=JobState.CANCELED, soft_failed=soft, finished_at=draft.at))


def forgiven(step: Step, exit_status: int | None) -> bool:
    """Return whether ``soft_fail`` covers this end. Of a job that was canceled before it ran, only ``*`` speaks."""
    body = step.body
    return isinstance(body, Command) and ("*" in body.soft_fail or exit_status in body.soft_fail)
