"""What `buildkite-agent step update` may change, and what `step get` may read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shipping.local.engine.dependencies import Graph, Outcome
from shipping.local.engine.kinds import Block, Command, Group, Input, Trigger, Wait
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import ACTIVE, TAKEN, JobState

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.events import StepChanged
    from shipping.local.engine.records import Job, State, Step

KINDS = {Command: "command", Wait: "wait", Group: "group", Block: "block", Input: "input", Trigger: "trigger"}


def change(draft: Draft, event: StepChanged) -> None:
    """Set or extend a step's label, or set its priority."""
    step = draft.steps(event.build)[event.step]
    if event.uuid in step.changes:
        return
    changes = (*step.changes, event.uuid)
    if event.attribute == "label":
        label = step.label + event.value if event.append else event.value
        draft.put(replace(step, label=label, changes=changes))
    elif event.attribute == "priority" and isinstance(step.body, Command):
        try:
            body = replace(step.body, priority=int(event.value))
        except ValueError:
            raise Rejection(f"priority must be a whole number, not {event.value!r}", status=400) from None
        draft.put(replace(step, body=body, changes=changes))
    else:
        raise Rejection(f"step attribute {event.attribute!r} cannot be updated; label and priority can", status=400)


def describe(state: State, step: Step) -> dict[str, Any]:
    """Return every attribute that `step get` can read."""
    jobs = _latest(state, step)
    told: dict[str, Any] = {
        "id": step.id,
        "key": step.key,
        "label": step.label,
        "type": KINDS[type(step.body)],
        "depends_on": None
        if step.depends_on is None
        else [{"step": one.step, "allow_failure": one.allow_failure} for one in step.depends_on],
        "if": step.condition or None,
        "notify": list(step.notify),
        "state": state_of(state, step),
        # What was left out has come to nothing, though it satisfies those that depend on it.
        "outcome": "neutral" if step.omitted else _outcome(Graph.of(state, step.build).outcome(step), jobs),
    }
    if isinstance(step.body, Command):
        told |= {
            "command": step.body.command,
            "env": dict(step.body.env),
            "agents": list(step.body.agents),
            "parallelism": step.body.parallelism,
            "timeout": step.body.timeout_in_minutes,
            "priority": step.body.priority,
        }
    return told


def _latest(state: State, step: Step) -> list[Job]:
    return [job for job in state.jobs[step.build].values() if job.step == step.id and job.retried_in is None]


def state_of(state: State, step: Step) -> str:
    """Return the step's state in Buildkite's words."""
    jobs = _latest(state, step)
    states = {job.state for job in jobs}
    if step.omitted is not None:
        return "ignored"
    if states <= {JobState.WAITING} and states:
        return "waiting_for_dependencies"
    if JobState.BLOCKED in states:
        return "ready"
    if states & TAKEN:
        hard = any(job.state in (JobState.FAILED, JobState.TIMED_OUT) and not job.soft_failed for job in jobs)
        return "failing" if hard else "running"
    if states & ACTIVE:
        return "running" if any(job.started_at for job in jobs) else "ready"
    return "finished"


def _outcome(outcome: Outcome, jobs: list[Job]) -> str:
    if outcome is Outcome.FAILED and any(job.state is JobState.TIMED_OUT for job in jobs):
        return "errored"
    return {
        Outcome.PASSED: "passed",
        Outcome.SOFT_FAILED: "soft_failed",
        Outcome.FAILED: "hard_failed",
        Outcome.CANCELED: "errored",
    }.get(outcome, "neutral")
