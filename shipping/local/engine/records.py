"""What exists: builds, their steps and jobs, and agents. Data only; times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the ledger's codec reads these annotations when it runs
from dataclasses import dataclass, field
from typing import Any

from shipping.local.engine.kinds import Body, Command, Dependency, Trigger
from shipping.local.engine.states import AgentState, BuildState, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A pipeline as a build saw it when it was created. ``configuration`` is its YAML.

    The filters are branch patterns, as a step's ``branches``; an empty one lets every branch through.
    """

    id: str
    slug: str
    name: str
    repository: str
    default_branch: str = "main"
    configuration: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    created_at: float = 0.0
    skip_queued_branch_builds: bool = False
    skip_queued_branch_builds_filter: str = ""
    cancel_running_branch_builds: bool = False
    cancel_running_branch_builds_filter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    name: str = "Local"
    email: str = "local@localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    id: str
    base_branch: str = ""
    repository: str = ""
    labels: tuple[str, ...] = ()
    draft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggeredFrom:
    """The trigger job that made a build, its build, and how many builds stand above in the chain."""

    job: str
    build: str
    number: int
    pipeline: str
    depth: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """``order`` holds its steps as they stand in the pipeline; uploads are inserted behind the step that uploads them.

    ``pipeline_env`` is the `env` at the top of uploaded documents, ``env`` what the build was created with (it wins).
    ``uploads`` maps the uuid of each applied upload to the digest of its document. ``blocked_state`` is the state that a
    blocked build has in REST, and empty otherwise. ``superseded_by`` is the newer build that made this one be skipped or
    canceled.
    """

    id: str
    number: int
    pipeline: Pipeline
    branch: str
    commit: str
    message: str
    created_at: float
    author: Author = field(default_factory=Author)
    source: str = "api"
    env: Mapping[str, str] = field(default_factory=dict)
    pipeline_env: Mapping[str, str] = field(default_factory=dict)
    pull_request: PullRequest | None = None
    triggered_from: TriggeredFrom | None = None
    superseded_by: str | None = None
    blocked_state: str = ""
    state: BuildState = BuildState.SCHEDULED
    started_at: float | None = None
    finished_at: float | None = None
    canceled_at: float | None = None
    order: tuple[str, ...] = ()
    uploads: Mapping[str, str] = field(default_factory=dict)
    notify: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``depends_on`` is None where only the implicit dependencies hold. ``uploader`` is the step whose job uploaded it.

    ``queued_at`` orders dispatch: uploaded jobs inherit their uploader's place in the queue. ``omitted`` is what its jobs
    are from the start (broken, skipped) where ``condition``, ``branches`` or ``skip`` keep it out; ``reason`` says which.
    """

    id: str
    build: str
    body: Body
    label: str = ""
    key: str | None = None
    group: str | None = None
    uploader: str | None = None
    depends_on: tuple[Dependency, ...] | None = None
    allow_dependency_failure: bool = False
    queued_at: float = 0.0
    notify: tuple[Any, ...] = ()
    changes: tuple[str, ...] = ()
    condition: str = ""
    omitted: JobState | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One attempt at one share of a step. A retry is a new job; the old one names it in ``retried_in``.

    ``place`` is its position among all jobs of the build in the order of creation. ``rule`` is the automatic retry rule
    that retried it. ``reason`` says in words why it did not run. ``unblocker`` is who unblocked a block or input, and
    ``answers`` what was answered. ``triggered`` is the build that a trigger made.
    """

    id: str
    build: str
    step: str
    place: int
    created_at: float
    state: JobState = JobState.WAITING
    index: int = 0
    attempt: int = 0
    agent: str | None = None
    scheduled_at: float | None = None
    assigned_at: float | None = None
    accepted_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    exit_status: int | None = None
    signal: str = ""
    signal_reason: str = ""
    soft_failed: bool = False
    retried_in: str | None = None
    retry_type: str = ""
    rule: int | None = None
    reason: str = ""
    unblocker: Author | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    triggered: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """``tags`` are ``key=value``. ``seen_at`` is not kept across restarts: a restart is not the agent's silence."""

    id: str
    name: str
    registered_at: float
    hostname: str = ""
    version: str = ""
    os: str = ""
    arch: str = ""
    pid: int = 0
    priority: int = 0
    tags: tuple[str, ...] = ()
    state: AgentState = AgentState.CONNECTED
    seen_at: float = 0.0
    job: str | None = None
    stopping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Somebody would have been told: ``channel`` is the service and whom it tells. Of a build, or of one ``step`` of it."""

    build: str
    event: str
    channel: str
    step: str | None = None
    message: str = ""
    at: float = 0.0


Record = Build | Step | Job | Agent


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything, by id. ``steps`` and ``jobs`` are kept per build, so that a transition copies one build's only."""

    builds: Mapping[str, Build] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Step]] = field(default_factory=dict)
    jobs: Mapping[str, Mapping[str, Job]] = field(default_factory=dict)
    agents: Mapping[str, Agent] = field(default_factory=dict)
    home: Mapping[str, str] = field(default_factory=dict)
    """The build of each job."""

    def job(self, job_id: str) -> Job | None:
        build = self.home.get(job_id)
        return None if build is None else self.jobs[build][job_id]

    def unfinished(self) -> tuple[str, ...]:
        return tuple(build.id for build in self.builds.values() if build.finished_at is None)


def parallelism(step: Step) -> int | None:
    """Return how many jobs the step asks for; None where it does not say, which is one."""
    return step.body.parallelism if isinstance(step.body, Command | Trigger) else None


def shares(step: Step) -> int:
    """Return how many jobs the step has: one per share, one per combination of its matrix."""
    return parallelism(step) or (len(step.body.matrix) if isinstance(step.body, Command) else 0) or 1


def latest(jobs: Mapping[str, Job]) -> tuple[Job, ...]:
    """Return the jobs that count: those that were not retried."""
    return tuple(job for job in jobs.values() if job.retried_in is None)
