"""What keeps a step out of a build from the start: ``if``, ``branches``, ``skip``, its own and its group's.

Answered when the step is uploaded, never again. Such a step satisfies those that depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.local.engine.branches import allows
from shipping.local.engine.states import JobState

if TYPE_CHECKING:
    from shipping.local.engine.conditions.condition import Condition
    from shipping.local.engine.conditions.facts import Facts
    from shipping.local.engine.records import Step

CONDITION = "conditional_failed"
BRANCH = "branch_mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """A step's own filters, read and checked. ``branches`` are patterns between spaces."""

    condition: Condition
    branches: str
    skip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """``state`` is what the step's jobs are from the start, None: they may run. ``reason`` is Buildkite's word or theirs."""

    state: JobState | None = None
    reason: str = ""


def patterns(value: object) -> str:
    """Return branch patterns between spaces, from a string or a list of them; raises ValueError."""
    entries = [] if value is None else value if isinstance(value, list) else [value]
    words = [word for entry in entries if isinstance(entry, str) for word in entry.split()]
    if not all(isinstance(entry, str) for entry in entries):
        raise ValueError("must be patterns between spaces, or a list of patterns")
    return " ".join(words)


def omission(own: Filters, group: Step | None, facts: Facts, branch: str | None) -> Omission:
    """Return what becomes of a step. The group's answer comes first: with it, none of its steps is asked.

    Raises ValueError where the condition has no answer. Without a build (``branch`` None) nothing is filtered out.
    """
    holds = own.condition.holds(facts)
    if branch is None:
        return Omission()
    if group is not None and group.omitted is not None:
        return Omission(state=group.omitted, reason=group.reason)
    if not holds:
        return Omission(state=JobState.BROKEN, reason=CONDITION)
    if not allows(own.branches, branch):
        return Omission(state=JobState.BROKEN, reason=BRANCH)
    if own.skip:
        return Omission(state=JobState.SKIPPED, reason=own.skip)
    return Omission()
