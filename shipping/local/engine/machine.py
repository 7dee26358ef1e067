"""``step``: the whole state machine as one pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shipping.local.engine import (
    blocks,
    builds,
    cancel,
    change,
    dispatch,
    events,
    lifecycle,
    notify,
    retry,
    triggers,
    watchdog,
)
from shipping.local.engine.draft import Draft
from shipping.local.engine.settle import settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.local.engine.commands import AnyCommand
    from shipping.local.engine.records import State


def _retry(draft: Draft, event: events.JobRetried) -> None:
    triggers.check_retry(draft, draft.job(event.job))
    retry.retry_by_hand(draft, event)
    settle(draft, draft.job(event.job).build)


def _trigger_failed(draft: Draft, event: events.TriggerFailed) -> None:
    settle(draft, triggers.fail(draft, event))


HANDLERS: dict[type, Callable[[Draft, Any], None]] = {
    events.BuildCreated: builds.create,
    events.PipelineUploaded: builds.upload,
    events.CommitResolved: builds.resolve,
    events.PipelineDeleted: builds.delete,
    events.BuildCanceled: cancel.cancel_build,
    events.JobCanceled: cancel.cancel_job,
    events.AgentStopped: cancel.stop_agent,
    events.AgentRegistered: lifecycle.register,
    events.AgentSeen: lifecycle.seen,
    events.AgentLeft: lifecycle.leave,
    events.AgentPinged: dispatch.offer,
    events.JobAccepted: dispatch.accept,
    events.JobStarted: lifecycle.start,
    events.JobFinished: lifecycle.finish,
    events.JobRetried: _retry,
    events.JobUnblocked: blocks.unblock,
    events.TriggerFailed: _trigger_failed,
    events.StepChanged: change.change,
    events.Ticked: watchdog.tick,
    events.Restarted: watchdog.restart,
}


def step(state: State, event: events.Event) -> tuple[State, tuple[AnyCommand, ...]]:
    """Return the state after the event, and what the edge must do about it. Raises Rejection: then nothing happened."""
    draft = Draft(state, event.at)
    HANDLERS[type(event)](draft, event)
    after, commands = draft.finish()
    return after, (*commands, *notify.told(state, after, draft.changed(), event.at))
