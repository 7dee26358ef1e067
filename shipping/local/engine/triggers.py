"""Trigger steps: a job that makes a build of another pipeline, and (where it is not asynchronous) becomes what that becomes.

The engine asks for the build (`StartTriggered`) and the edge, which knows pipelines and repositories, makes it. Its id
follows from the job's: asked for twice, it is made once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shipping.local.engine.commands import StartTriggered
from shipping.local.engine.draft import derived
from shipping.local.engine.kinds import Trigger
from shipping.local.engine.records import PullRequest, TriggeredFrom
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.retry import wait_again
from shipping.local.engine.states import TAKEN, BuildState, JobState
from shipping.local.engine.stopping import stop_build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.local.engine.draft import Draft
    from shipping.local.engine.events import BuildCreated, TriggerFailed
    from shipping.local.engine.records import Author, Build, Job, State

WORKING = frozenset({BuildState.SCHEDULED, BuildState.RUNNING, BuildState.FAILING})
DEPTH = 10
"""Builds above one in its chain of triggers. Pipelines that trigger each other would go on for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The build that a trigger job asks for. An empty branch is the pipeline's default one, no commit its tip."""

    id: str
    pipeline: str
    branch: str
    commit: str
    message: str
    author: Author
    env: Mapping[str, str]
    meta_data: Mapping[str, str]
    pull_request: PullRequest | None


def child_id(job_id: str) -> str:
    """Return the id of the build that a trigger job makes."""
    return derived(job_id, "triggered")


def pending(state: State) -> tuple[Job, ...]:
    """Return the trigger jobs whose builds are still to be made."""
    return tuple(
        job
        for build in state.unfinished()
        for job in state.jobs[build].values()
        if job.state is JobState.SCHEDULED and isinstance(state.steps[build][job.step].body, Trigger)
    )


def wanted(state: State, job: Job, label: str) -> Wanted:
    """Return what a pending trigger job asks for. ``label`` is the job's, the message where the step gives none."""
    body = state.steps[job.build][job.step].body
    if not isinstance(body, Trigger):
        raise TypeError(job.id)
    shares = {"BUILDKITE_PARALLEL_JOB": str(job.index), "BUILDKITE_PARALLEL_JOB_COUNT": str(body.parallelism)}
    return Wanted(
        id=child_id(job.id),
        pipeline=body.pipeline,
        branch=body.branch,
        commit=body.commit or "HEAD",
        message=body.message or label,
        author=state.builds[job.build].author,
        env={**body.env, **(shares if body.parallelism is not None else {})},
        meta_data=body.meta_data,
        pull_request=_pull_request(body.env),
    )


def _pull_request(env: Mapping[str, str]) -> PullRequest | None:
    """Return the pull request that is handed on as documented: by the variables of the triggering build."""
    number = env.get("BUILDKITE_PULL_REQUEST", "")
    if number in ("", "false"):
        return None
    labels = env.get("BUILDKITE_PULL_REQUEST_LABELS", "")
    return PullRequest(
        id=number,
        base_branch=env.get("BUILDKITE_PULL_REQUEST_BASE_BRANCH", ""),
        repository=env.get("BUILDKITE_PULL_REQUEST_REPO", ""),
        labels=tuple(label for label in labels.split(",") if label),
        draft=env.get("BUILDKITE_PULL_REQUEST_DRAFT") == "true",
    )


def request(draft: Draft, job: Job) -> None:
    """Ask for the build of a trigger job that may begin; fail the job where the chain is too long."""
    if job.state is not JobState.SCHEDULED:
        return
    above = draft.build(job.build).triggered_from
    if above is not None and above.depth >= DEPTH:
        _fail(draft, job, f"builds can trigger builds {DEPTH} deep, and this would be one more")
    else:
        draft.commands.append(StartTriggered(job=job.id))


def fail(draft: Draft, event: TriggerFailed) -> str:
    """The edge could not make the build. Return the build whose job failed."""
    job = draft.job(event.job)
    if not isinstance(draft.step(job).body, Trigger) or job.state is not JobState.SCHEDULED:
        raise Rejection(f"The job {job.id} is {job.state}, and waits for no build", status=409)
    _fail(draft, job, event.reason)
    return job.build


def _fail(draft: Draft, job: Job, reason: str) -> None:
    draft.put(replace(job, state=JobState.FAILED, finished_at=draft.at, reason=reason))


def adopt(draft: Draft, event: BuildCreated) -> TriggeredFrom | None:
    """Let the trigger job go on with the build that is made for it; an asynchronous one has done its work."""
    if event.triggered_by is None:
        return None
    job = draft.job(event.triggered_by)
    body, parent = draft.step(job).body, draft.build(job.build)
    if not isinstance(body, Trigger) or job.state is not JobState.SCHEDULED or event.id != child_id(job.id):
        raise Rejection(f"The trigger job {job.id} is {job.state}, and waits for no build {event.id}", status=409)
    state, finished = (JobState.PASSED, draft.at) if body.asynchronous else (JobState.RUNNING, None)
    draft.put(replace(job, state=state, started_at=draft.at, finished_at=finished, triggered=event.id))
    depth = parent.triggered_from.depth + 1 if parent.triggered_from else 1
    return TriggeredFrom(job=job.id, build=parent.id, number=parent.number, pipeline=parent.pipeline.slug, depth=depth)


def check_retry(draft: Draft, job: Job) -> None:
    """Raise Rejection where nobody waits any more for what the retried job's build becomes."""
    trigger = _above(draft, draft.build(job.build))
    if trigger is not None and draft.build(trigger.build).canceled_at is not None:
        raise Rejection(
            "This job can't be retried because this build was triggered by a synchronous trigger step"
            " in a canceled build"
        )


def carry(draft: Draft, build_id: str) -> list[str]:
    """Tell the builds above and below what became of this one; return those that have to settle now."""
    return [*_upward(draft, draft.build(build_id)), *_downward(draft, build_id)]


def _above(draft: Draft, child: Build) -> Job | None:
    """Return the trigger job that waits for the build; None where none does (any more: its pipeline may be deleted)."""
    job = draft.find(child.triggered_from.job) if child.triggered_from else None
    return job if job is not None and _waits(draft, job) else None


def _waits(draft: Draft, job: Job) -> bool:
    body = draft.step(job).body
    return isinstance(body, Trigger) and not body.asynchronous


def _upward(draft: Draft, child: Build) -> list[str]:
    job = _above(draft, child)
    if job is None:
        return []
    if job.state in TAKEN:
        return _ended(draft, job, child)
    reopened = job.state in (JobState.FAILED, JobState.CANCELED) and child.state in WORKING
    if not reopened or draft.build(job.build).canceled_at is not None:
        # What has passed stays so: the steps behind it have begun.
        return []
    draft.put(replace(job, state=JobState.RUNNING, finished_at=None, soft_failed=False, reason=""))
    wait_again(draft, job.build)
    return [job.build]


def _ended(draft: Draft, job: Job, child: Build) -> list[str]:
    state = _becomes(job, child)
    if state is None:
        return []
    body = draft.step(job).body
    soft = isinstance(body, Trigger) and body.soft_fail and state is JobState.FAILED
    reason = "" if state is JobState.PASSED else f"build #{child.number} of {child.pipeline.slug!r} is {child.state}"
    draft.put(replace(job, state=state, finished_at=draft.at, soft_failed=soft, reason=reason))
    return [job.build]


def _becomes(job: Job, child: Build) -> JobState | None:
    """Return how the trigger job ends; None where it does not yet. A blocked build is what ``blocked_state`` says."""
    told = child.blocked_state if child.state is BuildState.BLOCKED else child.state
    if told in WORKING or told == BuildState.CANCELING:
        return None
    if job.state is JobState.CANCELING:
        return None if child.state is BuildState.BLOCKED else JobState.CANCELED
    if child.superseded_by is not None:
        return JobState.SKIPPED
    # Another build's `failed` is not final: a blocked one stays as it is until a person decides.
    if child.state is BuildState.BLOCKED and told != BuildState.PASSED:
        return None
    return {BuildState.FAILED: JobState.FAILED, BuildState.CANCELED: JobState.CANCELED}.get(
        BuildState(told), JobState.PASSED
    )


def _downward(draft: Draft, build_id: str) -> list[str]:
    """Cancel the builds of trigger jobs that are to stop."""
    found = []
    for job in list(draft.jobs(build_id).values()):
        if job.state is not JobState.CANCELING or job.triggered is None:
            continue
        child = draft.find_build(job.triggered)
        if child is None:
            draft.put(replace(job, state=JobState.CANCELED, finished_at=draft.at))
            found.append(build_id)
        elif child.canceled_at is None and child.finished_at is None:
            stop_build(draft, child)
            found.append(child.id)
    return found
