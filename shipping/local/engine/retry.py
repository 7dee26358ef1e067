"""When a failed job gets another attempt: by rule, or because a person asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.draft import derived
from shipping.local.engine.kinds import Command
from shipping.local.engine.records import Job
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import GIVEN_UP, JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.local.engine.draft import Draft
    from shipping.local.engine.events import JobRetried
    from shipping.local.engine.kinds import RetryRule
    from shipping.local.engine.records import Step

JOBS_PER_BUILD = 4000
RETRYABLE = frozenset({JobState.PASSED, JobState.FAILED, JobState.TIMED_OUT, JobState.CANCELED})


def applies(rule: RetryRule, job: Job) -> bool:
    """Return whether all of the rule's conditions hold. An exit status of ``*`` is 1 to 255: not 0, and not -1."""
    status = job.exit_status if job.exit_status is not None else -1
    if rule.exit_status and not any(
        (1 <= status <= 255) if wanted == "*" else wanted == status for wanted in rule.exit_status
    ):
        return False
    return _holds(rule.signal, job.signal) and _holds(rule.signal_reason, job.signal_reason)


def _holds(wanted: tuple[str, ...], found: str) -> bool:
    """Return whether any of the words is the one found; ``none`` is no word at all, ``*`` is whatever comes."""
    return not wanted or any(
        word == "*" or (not found if word == "none" else _signal(word) == _signal(found)) for word in wanted
    )


def _signal(name: str) -> str:
    return name.upper().removeprefix("SIG")


def matching_rule(step: Step, job: Job, jobs: Mapping[str, Job]) -> int | None:
    """Return the first rule that applies, if it has attempts left. Later rules are not asked; each counts for itself."""
    if not isinstance(step.body, Command) or job.exit_status == 0:
        return None
    for place, rule in enumerate(step.body.automatic):
        if applies(rule, job):
            share = (one for one in jobs.values() if (one.step, one.index) == (job.step, job.index))
            used = sum(1 for one in share if one.rule == place)
            return place if used < rule.limit else None
    return None


def retry_by_rule(draft: Draft, job: Job) -> bool:
    """Give the ended job another attempt if a rule says so; True if it did."""
    rule = matching_rule(draft.step(job), job, draft.jobs(job.build))
    if rule is None or len(draft.jobs(job.build)) >= JOBS_PER_BUILD:
        return False
    _again(draft, replace(job, rule=rule, retry_type="automatic"))
    return True


def retry_by_hand(draft: Draft, event: JobRetried) -> None:
    """A person asks. What was given up because of the failure waits again."""
    job = draft.job(event.job)
    body = draft.step(job).body
    if not isinstance(body, Command) or job.state not in RETRYABLE:
        # Word for word Buildkite's, as the next one: clients look for these sentences.
        raise Rejection("Only failed, timed out or canceled jobs can be retried", status=400)
    if draft.build(job.build).canceled_at is not None:
        raise Rejection("Jobs from canceled builds cannot be retried")
    if job.retried_in is not None:
        raise Rejection(f"The job {job.id} has already been retried: see {job.retried_in}")
    if not body.manual.allowed:
        raise Rejection(body.manual.reason or "The step does not allow manual retries (retry.manual)")
    if job.state is JobState.PASSED and not body.manual.permit_on_passed:
        raise Rejection(body.manual.reason or "The step does not allow retries of passed jobs (permit_on_passed)")
    if len(draft.jobs(job.build)) >= JOBS_PER_BUILD:
        raise Rejection(f"The build has {JOBS_PER_BUILD} jobs, more are not allowed")
    wait_again(draft, job.build)
    _again(draft, replace(job, retry_type="manual"))


def wait_again(draft: Draft, build_id: str) -> None:
    """Let what was given up because of a failure wait again: the failure is being looked at once more."""
    for job in list(draft.jobs(build_id).values()):
        if job.state in GIVEN_UP:
            draft.put(replace(job, state=JobState.WAITING, reason="", finished_at=None))


def _again(draft: Draft, job: Job) -> None:
    """Put a new job in the old one's place. Its dependencies were met once; they are not asked again, its group is."""
    body = draft.step(job).body
    limited = isinstance(body, Command) and body.concurrency is not None
    new = Job(
        id=derived(job.step, job.index, job.attempt + 1),
        build=job.build,
        step=job.step,
        place=len(draft.jobs(job.build)),
        created_at=draft.at,
        state=JobState.LIMITED if limited else JobState.SCHEDULED,
        scheduled_at=None if limited else draft.at,
        index=job.index,
        attempt=job.attempt + 1,
    )
    draft.put(new)
    draft.put(replace(job, retried_in=new.id))
