"""Concurrency groups: one queue per group over all builds and pipelines, served in the order of creation.

A job may run while the slots that are held, and the jobs that stand before it in the queue, are fewer than its limit.
Jobs that still wait for other steps stand in the queue too: that is what makes two steps of one group a gate, between
which no other build gets in. Only who waits behind a person (a block) does not stand in line yet.

That a step which depends on a member of a group depends on "the rest of the group" needs no rule of its own: the member
itself does not run before those that were created before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shipping.local.engine.kinds import Block, Command, Input
from shipping.local.engine.needs import Needs
from shipping.local.engine.states import ENDED, HOLDING, JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from shipping.local.engine.draft import Draft
    from shipping.local.engine.records import Build, Job

Turn = tuple[float, int, str]
"""When its step came (with the build, or by an upload), its place among the build's jobs, and its id to tell ties apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A job that stands in a group's queue or holds one of its slots."""

    job: Job
    group: str
    limit: int
    turn: Turn


def admit(draft: Draft) -> None:
    """Give free slots to the first in line; what holds a slot keeps it, whoever comes with an older turn."""
    for queue in _queues(draft):
        held = sum(one.job.state in HOLDING for one in queue)
        ahead = 0
        for one in queue:
            if one.job.state is JobState.LIMITED and held + ahead < one.limit:
                draft.put(replace(one.job, state=JobState.SCHEDULED, scheduled_at=draft.at))
                held += 1
            elif one.job.state not in HOLDING:
                ahead += 1


def stuck(draft: Draft) -> Member | None:
    """Return the first job whose place in a queue keeps others from running that it waits for itself, if there is one.

    Buildkite leaves such jobs alone for ever; here they are told what they did.
    """
    queues = _queues(draft)
    if not any(one.job.state is JobState.LIMITED for queue in queues for one in queue):
        return None
    moving = _moving(draft, queues)
    # Of a queue in which nothing moves the first one waits: were it limited, it would be let in.
    fronts = {one.group: one for queue in queues for one in reversed(queue) if one.job.build not in moving}
    kept = [one for queue in queues for one in queue if one.job.state is JobState.LIMITED]
    one = next((fronts[one.group] for one in kept if one.job.build not in moving), None)
    return None if one is None else _closing(draft, one, fronts, kept)


def _closing(draft: Draft, one: Member, fronts: Mapping[str, Member], kept: list[Member]) -> Member:
    """Go from who is in front to whom that one waits for, until somebody comes a second time: that is the circle."""
    seen: set[str] = set()
    while one.job.id not in seen:
        seen.add(one.job.id)
        needed = _needed(draft, one.job)
        before = [it for it in kept if it.job.id in needed]
        if not before:
            return one
        one = fronts[before[0].group]
    return one


def _needed(draft: Draft, job: Job) -> set[str]:
    """Return the jobs that must be over before this one, with all those of the builds that they have triggered."""
    steps = Needs(draft.build(job.build), draft.steps(job.build)).of(draft.step(job))
    queue = [one for one in draft.jobs(job.build).values() if one.step in steps]
    found: set[str] = set()
    while queue:
        one = queue.pop()
        found.add(one.id)
        if one.triggered is not None and draft.find_build(one.triggered) is not None:
            queue += draft.jobs(one.triggered).values()
    return found


def _moving(draft: Draft, queues: list[list[Member]]) -> set[str]:
    """Return the builds in which something will happen without anybody's help: the least set that explains itself."""
    moving: set[str] = set()
    waiting: list[tuple[str, str]] = []
    for build in draft.unfinished():
        for job in draft.jobs(build.id).values():
            if job.state is JobState.BLOCKED or (job.state in HOLDING and job.triggered is None):
                moving.add(build.id)
            elif job.state in HOLDING and job.triggered is not None:
                waiting.append((build.id, job.triggered))
    unfinished = {build.id for build in draft.unfinished()}
    grown = True
    while grown:
        above = {build for build, child in waiting if child in moving or child not in unfinished} - moving
        moving |= above
        grown = bool(above)
        for queue in queues:
            ahead = 0
            for one in queue:
                if one.job.state in HOLDING or one.job.build in moving:
                    continue
                if one.job.state is JobState.LIMITED and ahead < one.limit:
                    moving.add(one.job.build)
                    grown = True
                ahead += 1
    return moving


def _queues(draft: Draft) -> list[list[Member]]:
    """Return the queue of each group, who came first in front."""
    groups: dict[str, list[Member]] = {}
    for one in _members(draft):
        groups.setdefault(one.group, []).append(one)
    return [sorted(groups[name], key=lambda one: one.turn) for name in sorted(groups)]


def _members(draft: Draft) -> Iterator[Member]:
    for build in draft.unfinished():
        steps = draft.steps(build.id)
        grouped = {
            step.id: (step.body.concurrency_group, step.body.concurrency)
            for step in steps.values()
            if isinstance(step.body, Command) and step.body.concurrency is not None
        }
        if not grouped:
            continue
        held = _behind_a_person(draft, build, grouped)
        turns: dict[tuple[str, int], Turn] = {}
        for job in draft.jobs(build.id).values():
            if job.step not in grouped:
                continue
            # A retry has its first attempt's turn: an opening gate that is retried must not stand behind the closing one.
            turn = turns.setdefault((job.step, job.index), (job.created_at, job.place, job.id))
            if job.state in HOLDING | {JobState.LIMITED} or (job.state is JobState.WAITING and job.step not in held):
                group, limit = grouped[job.step]
                yield Member(job=job, group=group, limit=limit or 0, turn=turn)


def _behind_a_person(draft: Draft, build: Build, asked: Collection[str]) -> set[str]:
    """Return which of these steps wait, directly or not, for a block or input that nobody has answered yet."""
    steps = draft.steps(build.id)
    open_ = {
        job.step
        for job in draft.jobs(build.id).values()
        if isinstance(steps[job.step].body, Block | Input) and job.state not in ENDED
    }
    if not open_:
        return set()
    needs = Needs(build, steps)
    return {step for step in asked if needs.of(steps[step]) & open_}
