"""Random suites at the pure level: every id exactly once, or red."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_gen.config import ShardLimits, Suite
from pipeline_gen.suites.durations import Durations, file_of
from pipeline_gen.suites.planning import make_test_plan
from shipping.testrun.events import Result
from shipping.testrun.incident import Incident
from shipping.testrun.proof import flaky_budget, part_runs, prove
from shipping.testrun.pytest_plugin import Part as PluginPart
from shipping.testrun.report import Report

if TYPE_CHECKING:
    from pipeline_gen.suites.parts import Part, TestPlan

DIGEST = "d" * 64


def ran(part: Part, number: int, view: dict[str, list[str]], *, attempt: int = 0) -> Report:
    """Return what a shard reports that finds these ids in the files, by the plugin's own rule of what it runs."""
    plugin = PluginPart({"root": "/repo", "begun": 0.0, "paths": [], **part.to_json()})
    found = [test for file in part.touched for test in view.get(file, [])]
    collected = tuple(test for test in found if plugin.wants(file_of(test), test))
    dealt = {test for tests in part.dealt.values() for test in tests}
    return Report(
        suite="unit",
        shard=number,
        job=f"job-{number}",
        attempt=attempt,
        digest=DIGEST,
        collected=collected,
        results=tuple(Result(id=test, outcome="passed", seconds=0.1) for test in collected),
        vanished=tuple(sorted(dealt - set(collected))),
        seen={file: tuple(view.get(file, ())) for file in (*part.dealt, *part.remainder)},
        files=dict.fromkeys(part.touched, 0.0),
    )


NAMES = st.sampled_from("abcdefgh")
KNOWN = st.dictionaries(st.integers(0, 5), st.dictionaries(NAMES, st.floats(0.0, 9.0), max_size=8), min_size=1)
PRESENT = st.lists(NAMES, max_size=10)


def planned(known: dict[int, dict[str, float]], shards: int) -> TestPlan:
    """Plan the files with what is known of them; the tests that are there may be others."""
    seconds = {f"t/{file}.py::{name}": value for file, tests in known.items() for name, value in tests.items()}
    suite = Suite(name="unit", target=5.0, shards=ShardLimits(min=shards, max=shards))
    return make_test_plan(suite, [f"t/{file}.py" for file in known], Durations(seconds))


@given(known=KNOWN, shards=st.integers(1, 6), data=st.data())
@settings(deadline=None)
def test_every_test_that_is_there_runs_exactly_once_or_the_proof_is_red(
    known: dict[int, dict[str, float]], shards: int, data: st.DataObject
) -> None:
    """Ids appear, vanish and repeat after planning. Without repeats the proof is green: it is not red for nothing."""
    plan = planned(known, shards)
    there = {f"t/{file}.py": [f"t/{file}.py::{name}" for name in data.draw(PRESENT)] for file in known}
    reports = [ran(part, number, there) for number, part in enumerate(plan.parts)]
    times = Counter(test for report in reports for test in report.collected)
    expected = Counter(test for tests in there.values() for test in tests)

    proof = prove(plan, DIGEST, reports)

    assert times == expected
    repeats = any(count > 1 for count in expected.values())
    assert proof.green == (not repeats and bool(expected))
    gone = {test for part in plan.parts for tests in part.dealt.values() for test in tests} - set(expected)
    assert set(proof.vanished) == gone


@given(known=KNOWN, shards=st.integers(2, 6), data=st.data())
@settings(deadline=None)
def test_shards_that_find_different_tests_are_green_only_if_each_ran_once(
    known: dict[int, dict[str, float]], shards: int, data: st.DataObject
) -> None:
    """A suite whose ids differ from agent to agent (a set in parametrize) cannot lose a test unseen."""
    plan = planned(known, shards)
    views = [
        {f"t/{file}.py": [f"t/{file}.py::{name}" for name in data.draw(st.sets(NAMES))] for file in known}
        for _ in plan.parts
    ]
    reports = [ran(part, number, views[number]) for number, part in enumerate(plan.parts)]
    looked_at = {
        test for part, view in zip(plan.parts, views, strict=True) for file in part.touched for test in view[file]
    }

    if prove(plan, DIGEST, reports).green:
        assert Counter(test for report in reports for test in report.collected) == Counter(looked_at)


def healthy() -> tuple[TestPlan, list[Report]]:
    """Return a plan of three parts with a split file, and its green reports."""
    known = {f"t/a.py::{name}": 3.0 for name in "abcd"} | {"t/b.py::a": 4.0, "t/c.py::a": 5.0}
    suite = Suite(name="unit", target=5.0, shards=ShardLimits(min=3, max=3))
    plan = make_test_plan(suite, ["t/a.py", "t/b.py", "t/c.py"], Durations(known))
    view = {file: [test for test in known if file_of(test) == file] for file in plan.files}
    assert any(part.remainder for part in plan.parts)
    return plan, [ran(part, number, view) for number, part in enumerate(plan.parts)]


def flaws(plan: TestPlan, reports: list[Report]) -> str:
    proof = prove(plan, DIGEST, reports)
    assert proof.green == (not proof.flaws)
    return "; ".join(map(str, proof.flaws))


def test_healthy_reports_prove_the_suite() -> None:
    plan, reports = healthy()

    assert (flaws(plan, reports), prove(plan, DIGEST, reports).tests) == ("", 6)


@given(
    number=st.integers(0, 2), what=st.sampled_from(["report", "result", "collected", "file", "digest", "suite", "job"])
)
def test_whatever_is_missing_or_foreign_is_red(number: int, what: str) -> None:
    plan, reports = healthy()
    one = reports[number]
    broken = {
        "report": [],
        "result": [replace(one, results=one.results[1:])],
        "collected": [replace(one, collected=one.collected[1:])],
        "file": [replace(one, files=dict(list(one.files.items())[1:]))],
        "digest": [replace(one, digest="e" * 64)],
        "suite": [replace(one, suite="other")],
        "job": [one, replace(one, job="another")],
    }[what]

    assert flaws(plan, [*reports[:number], *broken, *reports[number + 1 :]]) != ""


def test_a_test_run_by_two_shards_is_named() -> None:
    plan, reports = healthy()
    extra = reports[1].results[0]
    doubled = replace(reports[0], collected=(*reports[0].collected, extra.id), results=(*reports[0].results, extra))

    assert f"more than one shard ran: {extra.id}" in flaws(plan, [doubled, *reports[1:]])


def test_the_report_of_the_highest_attempt_counts() -> None:
    """A job whose agent was lost may report after its retry did: what it says is of no matter."""
    plan, reports = healthy()
    dead = replace(reports[0], job="lost", incident=Incident(kind="crash", message="the test process died"))

    assert flaws(plan, [dead, replace(reports[0], attempt=1), *reports[1:]]) == ""
    assert "the test process died" in flaws(plan, [reports[0], replace(dead, attempt=1), *reports[1:]])


def test_flaky_tests_are_tolerated_up_to_the_budget() -> None:
    plan, reports = healthy()

    def flaky(report: Report) -> Report:
        first = tuple(replace(result, outcome="failed") for result in report.results)
        return replace(report, results=first, retried=report.results)

    few, all_of_them = [flaky(reports[0]), *reports[1:]], [flaky(report) for report in reports]

    assert flaws(plan, few) == ""
    assert prove(plan, DIGEST, few).flaky == tuple(result.id for result in reports[0].results)
    assert "6 tests passed only in their second run, more than the 5 tolerated" in flaws(plan, all_of_them)
    assert (flaky_budget(100), flaky_budget(10_000)) == (5, 100)


def test_a_failure_whose_second_run_was_skipped_stays_a_failure() -> None:
    plan, reports = healthy()
    one = reports[0]
    broken = replace(
        one,
        results=(replace(one.results[0], outcome="failed"), *one.results[1:]),
        retried=(replace(one.results[0], outcome="skipped"),),
    )

    assert flaws(plan, [broken, *reports[1:]]) == f"failed: {one.results[0].id}"


@given(known=KNOWN, shards=st.integers(1, 6), name=NAMES)
@settings(deadline=None)
def test_the_proof_and_the_plugin_agree_on_what_a_part_runs(
    known: dict[int, dict[str, float]], shards: int, name: str
) -> None:
    for part in planned(known, shards).parts:
        plugin = PluginPart({"root": "/repo", "begun": 0.0, "paths": [], **part.to_json()})
        for file in known:
            test = f"t/{file}.py::{name}"
            assert part_runs(part, test) == plugin.wants(file_of(test), test)


def test_a_report_survives_its_own_encoding() -> None:
    _, reports = healthy()
    full = replace(
        reports[0],
        incident=Incident(kind="hang", message="nothing moved", tests=("t/a.py::a",), text="ü\x00"),
        retried=(Result(id="t/a.py::a", outcome="failed", seconds=1.0, text="E assert"),),
        ignored=("t/old.py",),
        versions={"pytest": "9", "xdist": None},
    )

    assert Report.decode(full.encode()) == full
