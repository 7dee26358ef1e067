"""Who would be told of what has just happened: the difference between two states, seen by each build's ``notify``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.change import describe, state_of
from shipping.local.engine.commands import Notify
from shipping.local.engine.conditions.facts import Facts, of_build
from shipping.local.engine.notices import notices
from shipping.local.engine.records import Build, Job, Notification
from shipping.local.engine.states import BuildState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shipping.local.engine.conditions.condition import Condition
    from shipping.local.engine.records import Record, State, Step

OF_STEP = ("id", "key", "label", "type", "state", "outcome")


def told(before: State, after: State, changed: Iterable[Record], at: float) -> tuple[Notify, ...]:
    """Return one notification for each event that somebody asked to hear of."""
    records = tuple(changed)
    found = [one for record in records if isinstance(record, Build) for one in _of_build(before, record)]
    steps = {(job.build, job.step) for job in records if isinstance(job, Job)}
    for build, step in sorted(steps):
        found += _of_step(before, after, after.steps[build][step])
    return tuple(Notify(notification=replace(one, at=at)) for one in found)


def _of_build(before: State, build: Build) -> Iterator[Notification]:
    if not build.notify:
        return
    for event in _events(before.builds.get(build.id), build):
        yield from _asked(build, None, event, of_build(build, {}))


def _events(old: Build | None, new: Build) -> Iterator[str]:
    if old is None:
        yield "build.created"
    if new.started_at is not None and (old is None or old.started_at is None):
        yield "build.started"
    state = None if old is None else old.state
    if new.state == state:
        return
    if new.state in (BuildState.BLOCKED, BuildState.FAILING, BuildState.SKIPPED):
        yield f"build.{new.state}"
    elif new.finished_at is not None:
        yield "build.finished"


def _of_step(before: State, after: State, step: Step) -> Iterator[Notification]:
    if not step.notify:
        return
    now = state_of(after, step)
    was = state_of(before, step) if step.id in before.steps.get(step.build, {}) else None
    if now != was and now in ("failing", "finished"):
        build, described = after.builds[step.build], describe(after, step)
        facts = of_build(build, {})
        values = {**facts.values, **{f"step.{name}": described[name] for name in OF_STEP}}
        yield from _asked(build, step, f"step.{now}", Facts(values=values, env=facts.env))


def _asked(build: Build, step: Step | None, event: str, facts: Facts) -> Iterator[Notification]:
    for notice in notices(build.notify if step is None else step.notify, of_step=step is not None):
        if event in notice.events and _holds(notice.condition, facts):
            yield Notification(
                build=build.id,
                step=None if step is None else step.id,
                event=event,
                channel=notice.channel,
                message=notice.message,
            )


def _holds(condition: Condition, facts: Facts) -> bool:
    try:
        return condition.holds(facts)
    except ValueError:
        # It has no answer, so it is not a yes.
        return False
