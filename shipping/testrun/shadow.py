"""Under `select: shadow` everything runs, so what selection would have missed is known: the evidence to switch it on by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.suites.durations import file_of
from pipeline_gen.wire import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline_gen.ports import Store
    from pipeline_gen.suites.parts import TestPlan
    from shipping.testrun.report import Report

SCHEMA = 1
NAMED = 20


def shadow_key(app: str, suite: str, build: str) -> str:
    """Return the key of what a build showed of a suite's selection."""
    return f"{app}/suites/{suite}/shadow/{build}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A suite's selection, judged by a build that ran everything.

    ``failed`` are the tests that failed, or the files that could not be collected; ``missed`` those of them in files that
    selection would have left out. A test that passed in its second run did not fail.
    """

    suite: str
    selected: int
    left_out: int
    failed: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Tell whether the build would have been red under selection too."""
        return not self.failed or len(self.missed) < len(self.failed)

    def __str__(self) -> str:
        share = f"{self.selected} of {self.selected + self.left_out} test files"
        if not self.failed:
            return f"{self.suite}: selection would have run {share}; nothing failed"
        if not self.missed:
            return f"{self.suite}: selection would have run {share}, and every failing test with them"
        named = ", ".join(self.missed[:NAMED]) + (f" and {len(self.missed) - NAMED} more" * (len(self.missed) > NAMED))
        verdict = "would still have been red" if self.caught else "would have been GREEN"
        return (
            f"{self.suite}: selection would have run {share} and missed {len(self.missed)} of {len(self.failed)}"
            f" failing tests (the build {verdict}): {named}"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "selected": self.selected,
            "left_out": self.left_out,
            "failed": list(self.failed),
            "missed": list(self.missed),
        }


def judge_selection(plan: TestPlan, reports: Iterable[Report]) -> Shadow | None:
    """Hold what failed in the reports that count against what selection would have left out.

    None where the plan was not watched, or selection would have run everything: there is nothing to learn then.
    """
    left_out = frozenset(plan.shadow_left_out)
    if not left_out:
        return None
    failed = sorted({name for report in reports for name in _failed(report, plan.files)})
    return Shadow(
        suite=plan.suite,
        selected=len(plan.files) - len(left_out),
        left_out=len(left_out),
        failed=tuple(failed),
        missed=tuple(name for name in failed if file_of(name) in left_out),
    )


def remember_shadow(store: Store, app: str, build: str, commit: str, shadow: Shadow) -> None:
    """Keep what the build showed. The first to say so wins: a retried proof says the same."""
    body = {"schema": SCHEMA, "build": build, "commit": commit, **shadow.to_json()}
    store.create(shadow_key(app, shadow.suite, build), canonical(body))


def _failed(report: Report, files: Iterable[str]) -> Iterable[str]:
    yield from (result.id for result in report.failed)
    if report.incident is not None:
        yield from report.incident.tests
        # A file that cannot be collected has no test to name: the incident's words name it.
        yield from (file for file in files if repr(file) in report.incident.message)
