"""What people and tools are shown: annotations and JUnit."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from shipping.testrun.annotation import LINE_LENGTH, last_words, proof_annotation, shard_annotation
from shipping.testrun.events import Result
from shipping.testrun.incident import Incident
from shipping.testrun.junit import junit
from shipping.testrun.proof import Flaw, Proof
from shipping.testrun.report import Report

TEXT = "def test():\n    x = 1\n>   assert x == 2\nE   assert 1 == 2\nE    +  where 1 = x\n\ntests/test_a.py:3: AssertionError"


def report(*results: Result, **given: object) -> Report:
    fields = {"suite": "unit", "shard": 2, "job": "j", "attempt": 0, "digest": "d", "results": results, **given}
    collected = tuple(result.id for result in results)
    return Report(**{"collected": collected, **fields})  # type: ignore[arg-type]


def failed(test: str, text: str = TEXT) -> Result:
    return Result(id=test, outcome="failed", seconds=0.5, text=text)


def test_the_last_words_of_a_failure_are_its_assertion_and_its_place() -> None:
    assert last_words(TEXT) == "E   assert 1 == 2\nE    +  where 1 = x\ntests/test_a.py:3: AssertionError"
    assert last_words("one\ntwo") == "one\ntwo"


def test_an_annotation_names_the_failures_of_its_shard() -> None:
    body, style = shard_annotation(report(failed("t/a.py::test")), [], shards=12, history={})

    assert style == "error"
    assert body.startswith("**unit** shard 3 of 12: 1 failed")
    assert "<code>t/a.py&#58;&#58;test</code>" in body


def test_nothing_a_test_prints_becomes_markup() -> None:
    """Names and texts of tests are the change's author's: they may be anything."""
    nasty = failed("t/a.py::t[</code><script>|@everyone]", "E <img src=x>\n\n</pre></details>\x1b[31mred\u202e")
    body, _ = shard_annotation(report(nasty), [], shards=1, history={})

    for mark in ("<script", "<img", "</pre></details>\x1b", "\x1b", "\u202e", "|", "@everyone"):
        assert mark not in body
    assert body.count("</details>") == 1


def test_an_annotation_is_bounded() -> None:
    many = [failed(f"t/a.py::test_{number}", "E " + "x" * 100_000) for number in range(500)]
    body, _ = shard_annotation(report(*many), [], shards=1, history={})

    assert len(body.encode()) < 25 * (LINE_LENGTH * 8 + 1000)
    assert "and 475 more failures" in body


def test_a_flaky_test_is_shown_with_its_history() -> None:
    flaky = report(failed("t/a.py::test"), retried=(Result(id="t/a.py::test", outcome="passed"),))
    body, style = shard_annotation(flaky, [], shards=1, history={"t/a.py::test": "flaky on main 3 times"})

    assert style == "warning"
    assert "passed in its second run (flaky on main 3 times)" in body


def test_an_incident_is_shown_with_what_the_process_left() -> None:
    incident = Incident(kind="crash", message="the test process was killed by SIGSEGV in t/a.py::test", text="frame 1")
    body, style = shard_annotation(report(incident=incident), [], shards=1, history={})

    assert style == "error"
    assert "was killed by SIGSEGV in t/a.py" in body
    assert "frame 1" in body


def test_the_summary_shows_each_suite_and_each_flaw() -> None:
    green = Proof(suite="unit", shards=3, tests=10, counts={}, attempts={})
    red = Proof(
        suite="web", shards=1, tests=1, counts={}, attempts={}, flaws=(Flaw(what="failed", ids=("t/a.py::x",)),)
    )
    body, style = proof_annotation([green, red], {})

    assert style == "error"
    assert "| unit | ✅ | 10 |" in body
    assert "❌ **web** failed: <code>t/a.py&#58;&#58;x</code>" in body
    assert proof_annotation([green], {})[1] == "success"


def test_junit_holds_each_test_once_with_its_outcome() -> None:
    results = [
        Result(id="tests/test_a.py::TestX::test_ok[1::2]", outcome="passed", seconds=1.5),
        Result(id="tests/test_a.py::test_skip", outcome="skipped"),
        failed("tests/test_a.py::test_bad", "E \x00\ud800 <&>"),
        failed("tests/test_a.py::test_flaky"),
        Result(id="tests/test_a.py::test_dead", outcome="crashed", text="killed"),
    ]
    given = report(
        *results,
        retried=(Result(id="tests/test_a.py::test_flaky", outcome="passed"), results[2]),
        collected=(*(result.id for result in results), "tests/test_a.py::test_left"),
        incident=Incident(kind="crash", message="died"),
    )

    suite = ET.fromstring(junit(given))[0]  # noqa: S314 - ours

    told = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in suite}
    assert told == {
        ("tests.test_a.TestX", "test_ok[1::2]"): [],
        ("tests.test_a", "test_skip"): ["skipped"],
        ("tests.test_a", "test_bad"): ["failure"],
        ("tests.test_a", "test_flaky"): ["flakyFailure"],
        ("tests.test_a", "test_dead"): ["error"],
        ("tests.test_a", "test_left"): ["error"],
        ("unit", "the test process"): ["error"],
    }
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped", "time")] == [
        "7",
        "1",
        "3",
        "1",
        "2.000",
    ]


def test_quotes_in_last_words_are_read_as_quotes() -> None:
    """An entity for a quote would have its own '#' escaped, and be read as `&#x27;`."""
    given = report(failed("tests/test_a.py::test_bad", "E  assert 'a' == \"b\""))

    body, _ = shard_annotation(given, (), shards=1, history={})

    assert "E  assert 'a' == \"b\"" in body
