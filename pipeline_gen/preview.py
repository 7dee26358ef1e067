"""The plan as a person reads it: steps, shards with predicted times, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline_gen.decisions import Decision
    from pipeline_gen.plan import Plan, StoredPlan
    from pipeline_gen.suites.parts import TestPlan

MOST_DECISIONS = 12


def preview(stored: StoredPlan) -> str:
    """Return the plan as an indented text."""
    plan = stored.plan
    where = "main" if plan.main else "not main"
    since = f"changes since {plan.base[:12]}" if plan.base else "no base commit"
    lines = [f"{plan.app} at {plan.commit[:12]} on {plan.branch} ({where}), {since}", "", "steps"]
    lines += _steps(stored)
    for test_plan in plan.suites.values():
        lines += ["", *_suite(test_plan)]
    lines += ["", "why", *_decisions(plan)]
    return "\n".join(lines)


def _steps(stored: StoredPlan) -> Iterator[str]:
    for pipeline in stored.pipeline:
        for step in pipeline["steps"]:
            if "group" in step:
                yield f"  {step['group']}"
                yield from (f"    {_step(inner)}" for inner in step["steps"])
            else:
                yield f"  {_step(step)}"


def _step(step: Mapping[str, Any]) -> str:
    times = f" x {step['parallelism']}" if step.get("parallelism", 1) > 1 else ""
    needs = ", ".join(need["step"] for need in step.get("depends_on", []))
    where = [f"a build of {step['trigger']}"] if "trigger" in step else _where(step)
    notes = [
        *where,
        *([f"after {needs}"] if needs else []),
        *([f"skipped: {step['skip']}"] if step.get("skip") else []),
    ]
    return f"{step['key']}{times}  ({', '.join(notes)})"


def _where(step: Mapping[str, Any]) -> list[str]:
    return [f"queue {step['agents']['queue']}", f"at most {step['timeout_in_minutes']} min"]


def _suite(plan: TestPlan) -> Iterator[str]:
    total = sum(part.seconds for part in plan.parts)
    yield f"suite {plan.suite}: {len(plan.files)} files, {total:.1f} s predicted, {len(plan.parts)} shards"
    if plan.unknown:
        yield f"  {plan.unknown} files have no recorded duration yet: their times are guesses"
    if plan.floor:
        yield f"  the slowest test is the floor: {plan.floor.test} takes {plan.floor.seconds:.1f} s"
    for number, part in enumerate(plan.parts):
        pieces = len(part.dealt) + len(part.remainder)
        shared = f", {pieces} in pieces" if pieces else ""
        yield f"  shard {number}: {part.seconds:.1f} s, {len(part.files)} files{shared}"
    if plan.left_out:
        yield f"  left out: {len(plan.left_out)} files"


def _decisions(plan: Plan) -> Iterator[str]:
    shown = plan.decisions[:MOST_DECISIONS]
    yield from (f"  {decision}" for decision in shown)
    hidden = len(plan.decisions) - len(shown)
    if hidden:
        yield f"  ... and {hidden} more: ship pipeline explain SUBJECT"


def explain(plan: Plan, subject: str) -> list[Decision]:
    """Return the decisions about a step key, a suite, or a test file; all of them for ``*``."""
    wanted = {subject, f"suite:{subject}", subject.removeprefix("tests-"), f"suite:{subject.removeprefix('tests-')}"}
    return [decision for decision in plan.decisions if subject == "*" or decision.subject in wanted]
