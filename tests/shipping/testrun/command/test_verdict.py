"""What became of a file, from the command's end and its report: a table of both."""

from __future__ import annotations

import pytest

from shipping.processes import Ended
from shipping.testrun.command.document import Case, Document
from shipping.testrun.command.part import _within
from shipping.testrun.command.verdict import Told, judge_file, judge_files
from shipping.testrun.events import Result

GREEN = Case(name="a")
RED = Case(name="b", outcome="failed", text="no")
SKIPPED = Case(name="c", outcome="skipped")


def told(*cases: Case, code: int = 0, missing: bool = False, failures: int = 0, none: bool = False) -> Told:
    document = None if missing else Document(cases=list(cases), failures=failures, says_none=none)
    return Told(ended=Ended(cause="exit", code=code, tail="last words", seconds=2.0), document=document)


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (told(GREEN), "passed"),
        (told(GREEN, SKIPPED), "passed"),
        (told(SKIPPED), "skipped"),
        (told(none=True), "skipped"),
        (told(), "error"),
        (told(GREEN, RED), "failed"),
        (told(GREEN, RED, code=1), "failed"),
        (told(GREEN, failures=1), "error"),
        (told(GREEN, code=1), "error"),
        (told(missing=True), "error"),
        (told(missing=True, code=1), "error"),
        (told(GREEN, code=-11), "crashed"),
        (told(GREEN, RED, code=-9), "crashed"),
        (told(GREEN, code=139), "crashed"),
        # Mocha exits with the number of failures: that many are not a signal.
        (told(RED, code=137), "failed"),
        # 128 and more than any signal: a program that exits with -1.
        (told(GREEN, code=255), "error"),
    ],
)
def test_the_worse_of_exit_status_and_report_counts(what: Told, outcome: str) -> None:
    (result,) = judge_file("f.js", what, hang=9.0).results

    assert result.outcome == outcome
    assert result.bad == (outcome not in ("passed", "skipped"))
    assert bool(result.text) == result.bad


def test_of_a_part_run_at_once_each_file_has_its_own_cases_and_what_was_in_flight_failed() -> None:
    """Not named by the report of a command that exited red: it was running."""
    verdict = judge_files(["a", "b", "c"], told(code=1), {"a": [GREEN], "b": [SKIPPED]}, hang=9.0)

    assert verdict.incident is None
    assert [(one.id, one.outcome) for one in verdict.results] == [("a", "passed"), ("b", "skipped"), ("c", "error")]
    assert [case.id for case in verdict.cases["a"]] == ["a::a"]


def test_a_hang_takes_down_what_the_report_did_not_name() -> None:
    hung = Told(ended=Ended(cause="hang", code=-9, tail="", seconds=9.0), document=None)

    verdict = judge_files(["a", "b"], hung, {}, hang=9.0)

    assert verdict.incident is not None
    assert (verdict.incident.kind, verdict.incident.tests) == ("hang", ("a", "b"))
    assert {result.outcome for result in verdict.results} == {"hung"}


def test_seconds_told_side_by_side_are_fitted_into_those_that_went_by() -> None:
    """A runner on four processors tells four times the time; what is left over of a shorter one is its own start."""
    results = [Result(id="a", outcome="passed", seconds=3.0), Result(id="b", outcome="passed", seconds=1.0)]

    assert [one.seconds for one in _within(results, 2.0)[0]] == [1.5, 0.5]
    assert _within(results, 2.0)[1] == 0.0
    assert _within(results, 5.0) == (tuple(results), 1.0)
