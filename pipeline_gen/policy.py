"""Time-outs, retries, queues and priorities of every kind of step, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline_gen.steps import RetryRule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_gen.config import Buildkite
    from pipeline_gen.config.buildkite import Queue

Kind = Literal["shard", "proof", "slug", "record", "conclude"]

# Buildkite's own limits (jobs in one upload, jobs in one build), and ours below the first: a margin for group jobs.
JOBS_PER_UPLOAD = 500
JOBS_PER_BUILD = 4_000
JOBS_PER_CHUNK = 450
SHARDS_PER_STEP = 400

# Only what is not the change's fault is tried again, on whichever agent is free:
# -1: the agent was lost or never started the job, so nothing of it counts.
# 3: our own "the world did not answer"; every job is written to be run again.
# agent_stop: the machine was taken away (spot, scale-in) and the job with it.
RETRIES = (
    RetryRule(exit_status=-1, limit=2),
    RetryRule(exit_status=3, limit=2),
    RetryRule(signal_reason="agent_stop", limit=2),
)

# Whoever concludes writes clearances: that right belongs to the queue that the plan is made on, where no test runs.
QUEUES: Mapping[Kind, Queue] = {"slug": "slug", "conclude": "plan"}

# Releases come before pull requests; what the critical path waits for comes before what it does not.
MAIN_PRIORITY = 10
SLUG_LEAD = 1  # the slug is one job and the release waits for it: it is not to stand behind a wave of shards
RECORD_PRIORITY = -10
RECORD_START = 2.0  # seconds that a start of pytest under coverage takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a step of one kind gets: queue, minutes, priority, retries."""

    queue: str
    timeout: int
    priority: int
    retry: tuple[RetryRule, ...] = RETRIES


def terms(kind: Kind, buildkite: Buildkite, *, main: bool, seconds: float = 0.0, setup: float = 300.0) -> Terms:
    """Return the terms of a step. ``seconds`` is its predicted time, where one was predicted.

    The time-out is there for jobs that are stuck in a way `hang` cannot see, so it is generous: three times the prediction,
    plus ``setup`` seconds for checkout and setup, never under ten minutes.
    """
    queue = buildkite.queue(QUEUES.get(kind, "tests"))
    priority = MAIN_PRIORITY if main else 0
    if kind == "record":
        priority = RECORD_PRIORITY
    slowdown = 6 if kind == "record" else 3
    timeout = max(10, math.ceil((slowdown * seconds + setup) / 60))
    if kind == "slug":
        timeout = 30
        priority += SLUG_LEAD
    return Terms(queue=queue, timeout=timeout, priority=priority)
