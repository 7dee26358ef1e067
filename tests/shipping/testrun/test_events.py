from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shipping.testrun.events import Trace, read_trace

if TYPE_CHECKING:
    from pathlib import Path

TEST = "t/a.py::a"


def told(*events: dict[str, Any]) -> Trace:
    trace = Trace()
    for event in events:
        trace.hear(event)
    return trace


def reports(*phases: str, **given: object) -> list[dict[str, Any]]:
    """Return the events of one test; a phase is ``when:outcome``."""
    split = [phase.split(":") for phase in phases]
    said = [
        {"event": "report", "id": TEST, "when": when, "outcome": how, "seconds": 1.0, **given} for when, how in split
    ]
    return [{"event": "start", "id": TEST}, *said, {"event": "done", "id": TEST}]


OUTCOMES = {
    "passed": ("setup:passed", "call:passed", "teardown:passed"),
    "failed": ("setup:passed", "call:failed", "teardown:passed"),
    "skipped": ("setup:skipped", "teardown:passed"),
    "crashed": ("setup:passed", "???:failed"),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_phases_of_a_test_make_one_outcome(outcome: str) -> None:
    trace = told(*reports(*OUTCOMES[outcome]))

    assert [(result.id, result.outcome) for result in trace.results] == [(TEST, outcome)]
    assert trace.running == {}


@pytest.mark.parametrize(
    "phases", [("setup:failed", "teardown:passed"), ("setup:passed", "call:passed", "teardown:failed")]
)
def test_a_failure_around_the_test_is_an_error(phases: tuple[str, ...]) -> None:
    assert told(*reports(*phases)).results[0].outcome == "error"


def test_a_failure_in_test_and_teardown_is_a_failure() -> None:
    assert told(*reports("call:failed", "teardown:failed")).results[0].outcome == "failed"


@pytest.mark.parametrize(("how", "outcome"), [("skipped", "xfailed"), ("passed", "xpassed")])
def test_what_is_expected_to_fail_is_told_apart(how: str, outcome: str) -> None:
    assert told(*reports("setup:passed", f"call:{how}", xfail=True)).results[0].outcome == outcome


def test_a_failed_subtest_fails_its_test() -> None:
    """Subtests report in the same phase, under the same id."""
    assert told(*reports("call:failed", "call:passed", "teardown:passed")).results[0].outcome == "failed"


def test_what_a_plugin_runs_again_counts_by_its_last_run() -> None:
    """pytest-rerunfailures reports `rerun`, then everything once more."""
    phases = ("setup:passed", "call:rerun", "setup:passed", "call:passed", "teardown:passed")

    assert told(*reports(*phases)).results[0].outcome == "passed"


def test_shared_set_up_is_not_the_tests_own_time() -> None:
    trace = told(
        *reports("call:passed"),
        *({**event, "session_seconds": 0.5, "file_seconds": 0.25} for event in reports("setup:passed")),
    )

    assert [result.seconds for result in trace.results] == [1.0, 0.25]
    assert (trace.session_seconds, trace.files) == (0.5, {"t/a.py": 0.25})


def test_a_stream_that_breaks_off_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    stream = tmp_path / "events.jsonl"
    lines = [json.dumps(event) for event in (*reports("call:passed"), {"event": "start", "id": "t/a.py::b"})]
    stream.write_text("\n".join(lines) + '\n{"event": "do')

    trace = read_trace(stream)

    assert ([result.id for result in trace.results], list(trace.running)) == ([TEST], ["t/a.py::b"])
    assert trace.status is None
    assert read_trace(tmp_path / "none").stage == "start"


def test_events_of_another_version_say_nothing() -> None:
    assert told({"event": "weather", "sky": "blue"}) == Trace()
