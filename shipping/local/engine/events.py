"""What may happen. Ids and times come in with the event: the engine draws neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shipping.local.engine.records import Agent, Author, Pipeline, PullRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildCreated:
    """``document`` is the parsed configuration of the pipeline: the first steps.

    ``pipelines`` are the slugs of the pipelines that a step may trigger (None: not asked). ``triggered_by`` is the trigger
    job that this build is made for; its id is then `triggers.child_id` of that job's.
    """

    at: float
    id: str
    pipeline: Pipeline
    document: Any
    branch: str
    commit: str
    message: str
    author: Author
    source: str = "api"
    env: Mapping[str, str] = field(default_factory=dict)
    meta_data: Mapping[str, str] = field(default_factory=dict)
    pull_request: PullRequest | None = None
    pipelines: Collection[str] | None = None
    triggered_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineUploaded:
    """``pipelines`` as in BuildCreated."""

    at: float
    job: str
    uuid: str
    document: Any
    pipelines: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResolved:
    """The first job of a build told which commit HEAD is."""

    at: float
    build: str
    commit: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildCanceled:
    at: float
    build: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineDeleted:
    at: float
    slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRegistered:
    at: float
    agent: Agent


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPinged:
    """The agent is idle and asks for work."""

    at: float
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSeen:
    at: float
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLeft:
    at: float
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStopped:
    """Somebody wants the agent gone: after its job, or (``force``) now."""

    at: float
    agent: str
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAccepted:
    at: float
    job: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted:
    at: float
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFinished:
    at: float
    job: str
    exit_status: int
    signal: str = ""
    signal_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCanceled:
    at: float
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRetried:
    at: float
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUnblocked:
    """A person answers a block or input step. A select of ``multiple`` has a tuple of values."""

    at: float
    job: str
    fields: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    by: Author


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFailed:
    """The build that a trigger job asks for cannot be made."""

    at: float
    job: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChanged:
    """``uuid`` makes a repeated change (an append, above all) count once."""

    at: float
    build: str
    step: str
    uuid: str
    attribute: str
    value: str
    append: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Time passed. An agent not seen for ``lost_after`` seconds is lost."""

    at: float
    lost_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    at: float


Event = (
    BuildCreated
    | PipelineUploaded
    | CommitResolved
    | BuildCanceled
    | PipelineDeleted
    | AgentRegistered
    | AgentPinged
    | AgentSeen
    | AgentLeft
    | AgentStopped
    | JobAccepted
    | JobStarted
    | JobFinished
    | JobCanceled
    | JobRetried
    | JobUnblocked
    | TriggerFailed
    | StepChanged
    | Ticked
    | Restarted
)
