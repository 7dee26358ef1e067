"""Who may run: the implicit order of waits and uploads, explicit dependencies, and what a failure means for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from shipping.local.engine.kinds import Block, Group, Input, Wait
from shipping.local.engine.records import Build, Job, State, Step, latest
from shipping.local.engine.states import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Outcome(Enum):
    """What became of a step, as the steps behind it see it."""

    PENDING = "pending"
    PASSED = "passed"
    SOFT_FAILED = "soft_failed"
    NOT_RUN = "not_run"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``ready`` None: not known yet. False: never, for ``reason``; ``missing`` if a step that does not exist holds it."""

    ready: bool | None
    reason: str = ""
    missing: bool = False


BARRIERS = (Wait, Block)
"""They wait for all before them, and all behind them waits for them."""

READY = Verdict(ready=True)
NOT_YET = Verdict(ready=None)

_OF_JOB = {
    JobState.PASSED: Outcome.PASSED,
    JobState.SKIPPED: Outcome.PASSED,
    JobState.BROKEN: Outcome.PASSED,
    JobState.UNBLOCKED: Outcome.PASSED,
    JobState.FAILED: Outcome.FAILED,
    JobState.TIMED_OUT: Outcome.FAILED,
    JobState.CANCELED: Outcome.CANCELED,
    JobState.WAITING_FAILED: Outcome.NOT_RUN,
    JobState.BLOCKED_FAILED: Outcome.NOT_RUN,
}
_GRAVITY = (Outcome.CANCELED, Outcome.FAILED, Outcome.NOT_RUN, Outcome.SOFT_FAILED, Outcome.PASSED)


def combined(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome of several: pending until all have ended, then the gravest."""
    seen = set(outcomes)
    if Outcome.PENDING in seen:
        return Outcome.PENDING
    return next((outcome for outcome in _GRAVITY if outcome in seen), Outcome.PASSED)


class Graph:
    """One build as its dependencies see it, at one moment."""

    def __init__(self, build: Build, steps: Mapping[str, Step], jobs: Mapping[str, Job]) -> None:
        self._steps = [steps[step_id] for step_id in build.order]
        self._by_id = steps
        self._by_name = {step.id: step for step in self._steps} | {step.key: step for step in self._steps if step.key}
        self._children: dict[str, list[Step]] = {}
        self._uploaded: dict[str, list[Step]] = {}
        self._outcomes = _outcomes(jobs)
        self._barrier_before: dict[str, Step | None] = {}
        self._verdict_of_barrier: dict[str, Verdict] = {}
        self._index()

    @classmethod
    def of(cls, state: State, build_id: str) -> Graph:
        return cls(state.builds[build_id], state.steps[build_id], state.jobs[build_id])

    def outcome(self, step: Step) -> Outcome:
        """Return what became of the step's own jobs; for a group, of its steps'."""
        if isinstance(step.body, Group):
            return combined(self.outcome(child) for child in self._children.get(step.id, ()))
        return self._outcomes.get(step.id, Outcome.PENDING)

    def verdict(self, step: Step) -> Verdict:
        """Return whether the step may run now, not yet, or never."""
        if isinstance(step.body, Wait) and step.depends_on is None:
            return self._verdict_of_barrier[step.id]
        group = self._by_id[step.group] if step.group else None
        verdicts = [self._explicit(part) for part in (step, group) if part and part.depends_on is not None]
        if step.depends_on is None:
            if isinstance(step.body, Block):
                verdicts.append(self._verdict_of_barrier[step.id])
            verdicts += self._implicit(step, group)
        return _worst(verdicts)

    def _implicit(self, step: Step, group: Step | None) -> list[Verdict]:
        # An input stands beside the others: no wait holds it back.
        free = isinstance(step.body, Input)
        verdicts = [] if free else [self._behind(self._barrier_before[step.id])]
        if group is None or group.depends_on is None:
            if group is not None and not free:
                verdicts.append(self._behind(self._barrier_before[group.id]))
            if step.uploader:
                # Its own outcome only: all that it uploaded has this very step in it.
                uploader = self._by_id[step.uploader]
                verdicts.append(self._after(uploader, self.outcome(uploader), allow=step.allow_dependency_failure))
        return verdicts

    def _explicit(self, step: Step) -> Verdict:
        verdicts = []
        for dependency in step.depends_on or ():
            target = self._by_name.get(dependency.step)
            if target is None:
                reason = f"depends on {dependency.step!r}, which is not in the build"
                verdicts.append(Verdict(ready=None, reason=reason, missing=True))
            else:
                allow = dependency.allow_failure or step.allow_dependency_failure
                verdicts.append(self._after(target, self._whole_outcome(target, step), allow=allow))
        return _worst(verdicts)

    def _whole_outcome(self, target: Step, asking: Step) -> Outcome:
        """Return the outcome of a step and of all it uploaded, but for an upload that the asking step is part of."""
        found, queue, seen = [self.outcome(target)], [target], {target.id}
        while queue:
            step = queue.pop()
            uploaded = self._uploaded.get(step.id, [])
            if any(asking.id in (one.id, one.group) or asking.group == one.id for one in uploaded):
                continue
            inner = [*uploaded, *self._children.get(step.id, ())]
            for one in inner:
                if one.id not in seen:
                    seen.add(one.id)
                    queue.append(one)
                    found.append(self.outcome(one))
        return combined(found)

    def _behind(self, barrier: Step | None) -> Verdict:
        if barrier is None:
            return READY
        return self._after(barrier, self.outcome(barrier), allow=False)

    def _after(self, target: Step, outcome: Outcome, *, allow: bool) -> Verdict:
        if outcome is Outcome.PENDING:
            return NOT_YET
        if outcome in (Outcome.PASSED, Outcome.SOFT_FAILED):
            return READY
        # A cancellation is a person's no: allow_failure does not overrule it.
        if allow and outcome is not Outcome.CANCELED:
            return READY
        became = {Outcome.NOT_RUN: "did not run", Outcome.CANCELED: "was canceled"}.get(outcome, "failed")
        return Verdict(ready=False, reason=f"{_name(target)} {became}")

    def _index(self) -> None:
        for step in self._steps:
            if step.group:
                self._children.setdefault(step.group, []).append(step)
            if step.uploader:
                self._uploaded.setdefault(step.uploader, []).append(step)
        so_far: dict[str | None, _SoFar] = {}
        for step in self._steps:
            before = so_far.get(step.group, _SoFar())
            self._barrier_before[step.id] = before.barrier
            if isinstance(step.body, BARRIERS):
                lenient = _continues(step)
                self._verdict_of_barrier[step.id] = before.lenient if lenient else before.strict
            so_far[step.group] = self._with(before, step)

    def _implied(self, step: Step) -> Outcome:
        """Return the outcome that waits and blocks ask for: of a group without its inputs, which hold nobody."""
        if not isinstance(step.body, Group):
            return self.outcome(step)
        children = self._children.get(step.id, ())
        return combined(self.outcome(child) for child in children if not isinstance(child.body, Input))

    def _with(self, before: _SoFar, step: Step) -> _SoFar:
        if isinstance(step.body, Input):
            return before
        # A wait that is not in the build holds nothing back; what stands before it does not concern those behind it.
        outcome, is_barrier = self._implied(step), isinstance(step.body, BARRIERS) and step.omitted is None
        return _SoFar(
            barrier=step if is_barrier else before.barrier,
            strict=_worst([before.strict, self._after(step, outcome, allow=False)]),
            # A wait or block that failed stops all that follows, later continuing waits too.
            lenient=_worst([before.lenient, self._after(step, outcome, allow=not is_barrier)]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _SoFar:
    """What a wait or block at this place of its scope (the build, or one group) would have to wait for."""

    barrier: Step | None = None
    strict: Verdict = READY
    lenient: Verdict = READY


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    worst = READY
    for verdict in verdicts:
        if verdict.ready is False:
            return verdict
        if verdict.ready is None and not worst.missing:
            worst = verdict
    return worst


def _outcomes(jobs: Mapping[str, Job]) -> dict[str, Outcome]:
    of_step: dict[str, list[Outcome]] = {}
    for job in latest(jobs):
        outcome = _OF_JOB.get(job.state, Outcome.PENDING)
        if job.soft_failed and outcome is Outcome.FAILED:
            outcome = Outcome.SOFT_FAILED
        of_step.setdefault(job.step, []).append(outcome)
    return {step: combined(outcomes) for step, outcomes in of_step.items()}


def _continues(step: Step) -> bool:
    """Return whether a failure before it lets the step go on."""
    return step.allow_dependency_failure or (isinstance(step.body, Wait) and step.body.continue_on_failure)


def _name(step: Step) -> str:
    return f"step {step.key or step.label or step.id!r}"
