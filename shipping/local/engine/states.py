"""The states of builds, jobs and agents, in Buildkite's words."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Buildkite's words, with ``finished`` split as its REST API does: passed or failed."""

    WAITING = "waiting"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    LIMITED = "limited"
    SCHEDULED = "scheduled"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    RUNNING = "running"
    CANCELING = "canceling"
    TIMING_OUT = "timing_out"
    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    BROKEN = "broken"
    WAITING_FAILED = "waiting_failed"
    BLOCKED_FAILED = "blocked_failed"


TAKEN = frozenset({JobState.ACCEPTED, JobState.RUNNING, JobState.CANCELING, JobState.TIMING_OUT})


"""An agent works on it: the job's token is good, and only the agent's report or its loss ends it."""


HOLDING = TAKEN | {JobState.SCHEDULED, JobState.ASSIGNED}


"""It may run or runs: it holds a slot of its concurrency group."""


ACTIVE = HOLDING | {JobState.LIMITED}


ENDED = frozenset(JobState) - ACTIVE - {JobState.WAITING, JobState.BLOCKED}


GIVEN_UP = frozenset({JobState.WAITING_FAILED, JobState.BLOCKED_FAILED})


"""It never ran because of what came before; when that is retried, it waits again."""


HARD = GIVEN_UP | {JobState.FAILED, JobState.TIMED_OUT, JobState.CANCELED}


class BuildState(StrEnum):
    """``blocked``: nothing is left to do until a person unblocks a step (REST tells ``blocked_state`` in its place)."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    FAILING = "failing"
    PASSED = "passed"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELING = "canceling"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    NOT_RUN = "not_run"


FINISHED = frozenset(
    {BuildState.PASSED, BuildState.FAILED, BuildState.CANCELED, BuildState.SKIPPED, BuildState.NOT_RUN}
)


class AgentState(StrEnum):
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LOST = "lost"
