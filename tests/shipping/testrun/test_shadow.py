"""What a build that ran everything says of the selection that was only watched."""

from __future__ import annotations

import json

from pipeline_gen.suites.parts import Part, TestPlan
from shipping.memory import MemoryStore
from shipping.testrun.events import Result
from shipping.testrun.incident import Incident
from shipping.testrun.report import Report
from shipping.testrun.shadow import Shadow, judge_selection, remember_shadow, shadow_key

PLAN = TestPlan(
    suite="unit",
    target=60.0,
    parts=(Part(files=("a.py", "b.py")), Part(files=("c.py",))),
    shadow_left_out=("b.py", "c.py"),
)


def _report(shard: int, *failed: str, incident: Incident | None = None, again: tuple[Result, ...] = ()) -> Report:
    results = tuple(Result(id=test, outcome="failed") for test in failed)
    return Report(
        suite="unit", shard=shard, job="j", attempt=0, digest="d", results=results, incident=incident, retried=again
    )


def test_a_failing_test_that_selection_would_have_left_out_is_a_miss() -> None:
    shadow = judge_selection(PLAN, [_report(0, "a.py::one", "b.py::two"), _report(1, "c.py::three[x]")])

    expected = Shadow(
        suite="unit",
        selected=1,
        left_out=2,
        failed=("a.py::one", "b.py::two", "c.py::three[x]"),
        missed=("b.py::two", "c.py::three[x]"),
    )
    assert expected == shadow
    assert str(shadow) == (
        "unit: selection would have run 1 of 3 test files and missed 2 of 3 failing tests"
        " (the build would still have been red): b.py::two, c.py::three[x]"
    )


def test_a_red_build_that_selection_would_have_made_green_is_said_loudly() -> None:
    shadow = judge_selection(PLAN, [_report(1, "c.py::three")])

    assert shadow is not None
    assert not shadow.caught
    assert "the build would have been GREEN" in str(shadow)


def test_a_build_without_failures_is_evidence_too() -> None:
    shadow = judge_selection(PLAN, [_report(0), _report(1)])

    assert str(shadow) == "unit: selection would have run 1 of 3 test files; nothing failed"


def test_failures_that_selection_would_have_run_are_no_miss() -> None:
    shadow = judge_selection(PLAN, [_report(0, "a.py::one")])

    assert str(shadow) == "unit: selection would have run 1 of 3 test files, and every failing test with them"


def test_a_flaky_test_is_no_miss() -> None:
    """It passed in its second run: the change did not break it."""
    passed = (Result(id="c.py::three", outcome="passed"),)

    shadow = judge_selection(PLAN, [_report(1, "c.py::three", again=passed)])

    assert shadow is not None
    assert shadow.failed == ()


def test_tests_that_crashed_and_files_that_cannot_be_collected_count_as_failed() -> None:
    crash = Incident(kind="crash", message="the test process was killed by SIGSEGV", tests=("b.py::two",))
    broken = Incident(kind="collection", message="could not collect 'c.py'")

    shadow = judge_selection(PLAN, [_report(0, incident=crash), _report(1, incident=broken)])

    assert shadow is not None
    assert shadow.missed == ("b.py::two", "c.py")


def test_a_plan_that_was_not_watched_teaches_nothing() -> None:
    assert judge_selection(TestPlan(suite="unit", target=1.0, parts=()), []) is None


def test_many_misses_are_named_up_to_a_limit() -> None:
    shadow = judge_selection(PLAN, [_report(1, *(f"c.py::t{number:02}" for number in range(30)))])

    assert str(shadow).endswith("c.py::t18, c.py::t19 and 10 more")


def test_what_a_build_showed_is_kept_once() -> None:
    store = MemoryStore()
    shadow = judge_selection(PLAN, [_report(1, "c.py::three")])
    assert shadow is not None

    remember_shadow(store, "inbox", "b1", "c0ffee", shadow)
    remember_shadow(store, "inbox", "b1", "c0ffee", shadow)

    stored = store.get(shadow_key("inbox", "unit", "b1"))
    assert stored is not None
    assert json.loads(stored.body) == {
        "schema": 1,
        "build": "b1",
        "commit": "c0ffee",
        "suite": "unit",
        "selected": 1,
        "left_out": 2,
        "failed": ["c.py::three"],
        "missed": ["c.py::three"],
    }
