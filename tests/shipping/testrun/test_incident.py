from __future__ import annotations

import pytest

from shipping.processes import Ended
from shipping.testrun.events import Result, Trace
from shipping.testrun.incident import Incident, in_flight, judge
from shipping.testrun.run import Run


def judged(trace: Trace, *, code: int | None = 0, cause: str = "exit", tail: str = "") -> Incident | None:
    ended = Ended(cause=cause, code=code, tail=tail, seconds=1.0)  # type: ignore[arg-type]
    return judge(Run(ended=ended, trace=trace), hang=300.0)


def finished(status: int, *results: Result, collected: tuple[str, ...] | None = None) -> Trace:
    ids = list(collected or (result.id for result in results))
    return Trace(stage="end", status=status, results=list(results), collections={"": ids})


PASSED, FAILED = Result(id="t/a.py::a", outcome="passed"), Result(id="t/a.py::b", outcome="failed")


@pytest.mark.parametrize(
    ("status", "results"),
    [(0, (PASSED,)), (1, (PASSED, FAILED)), (5, ())],
    ids=["green", "failures", "nothing collected"],
)
def test_a_run_whose_results_say_all_is_no_incident(status: int, results: tuple[Result, ...]) -> None:
    assert judged(finished(status, *results), code=status) is None


@pytest.mark.parametrize("status", [2, 3, 4])
def test_pytests_own_errors_are_told_as_such(status: int) -> None:
    incident = judged(finished(status, PASSED), code=status)

    assert incident is not None
    assert incident.message == f"pytest ended with its status {status}"


def test_a_status_of_1_without_a_failure_is_explained() -> None:
    """Such as pytest-cov's threshold, which judges the whole suite: it cannot hold for a part."""
    incident = judged(finished(1, PASSED), code=1)

    assert incident is not None
    assert "--cov-fail-under" in incident.message


def test_tests_that_were_left_out_are_counted() -> None:
    incident = judged(finished(0, PASSED, collected=("t/a.py::a", "t/a.py::b")))

    assert incident is not None
    assert incident.message == "pytest ended without running 1 of 2 tests"


def test_workers_that_found_different_tests_are_named_with_them() -> None:
    trace = finished(1, PASSED)
    trace.collections = {"gw0": ["t/a.py::a"], "gw1": ["t/a.py::a", "t/a.py::x"]}

    incident = judged(trace, code=1)

    assert incident is not None
    assert incident.message.endswith("collected different tests: t/a.py::x")


def test_a_process_that_dies_after_its_last_test_is_a_crash() -> None:
    """pytest had said 0; then the interpreter crashed on its way out."""
    incident = judged(finished(0, PASSED), code=-11)

    assert incident is not None
    assert (incident.kind, incident.message) == (
        "crash",
        "the test process was killed by SIGSEGV after the last test",
    )


def test_a_process_that_dies_while_importing_names_the_file() -> None:
    incident = judged(Trace(stage="session", importing={"": "t/a.py"}), code=-9)

    assert incident is not None
    assert incident.message == "the test process was killed by SIGKILL while it imported t/a.py"


def test_the_tests_of_a_dead_process_have_a_result_each() -> None:
    trace = Trace(stage="collected", running={"t/a.py::a": None, "t/a.py::b": None})
    incident = judged(trace, code=-6, cause="hang")

    assert incident is not None
    assert incident.message == "nothing moved for 300 s in t/a.py::a, t/a.py::b"
    assert [(result.id, result.outcome) for result in in_flight(trace, incident)] == [
        ("t/a.py::a", "hung"),
        ("t/a.py::b", "hung"),
    ]


def test_an_option_that_pytest_does_not_know_is_told_in_its_words() -> None:
    tail = "ERROR: usage: __main__.py [options]\n__main__.py: error: unrecognized arguments: -n 2\n  rootdir: /x\n"

    incident = judged(Trace(stage="conftests"), code=4, tail=tail)

    assert incident is not None
    assert incident.message == (
        "pytest did not start: unrecognized arguments: -n 2 (pytest-xdist is not installed in this interpreter)"
    )


def test_a_traceback_of_faulthandler_is_shown_from_its_innermost_frame() -> None:
    frames = ['  File "/app/tests/test_a.py", line 3 in test_a', '  File "/x/_pytest/python.py", line 1 in y'] * 40
    tail = "\n".join(["dots ...", "Fatal Python error: Aborted", "", *frames])

    incident = judged(Trace(stage="collected", running={"t": None}), code=-6, cause="hang", tail=tail)

    assert incident is not None
    assert incident.text.splitlines()[:3] == ["Fatal Python error: Aborted", "", frames[0]]
    assert "_pytest" not in incident.text
