from __future__ import annotations

from shipping.testrun.events import Outcome, Result
from shipping.testrun.incident import Incident
from shipping.testrun.retry import again


def results(**outcomes: Outcome) -> list[Result]:
    return [Result(id=f"t/{name[0]}.py::{name}", outcome=outcome) for name, outcome in outcomes.items()]


def test_failed_tests_run_once_more_by_id() -> None:
    part, why = again(results(a1="failed", a2="passed", b1="error", b2="skipped", b3="xfailed"), None)

    assert part is not None
    assert (part.dealt, part.files, why) == ({"t/a.py": ("t/a.py::a1",), "t/b.py": ("t/b.py::b1",)}, (), "")


def test_a_green_run_has_nothing_to_repeat() -> None:
    assert again(results(a1="passed"), None) == (None, "")


def test_what_killed_its_worker_is_not_run_again() -> None:
    assert again(results(a1="crashed", a2="passed"), None) == (None, "")


def test_an_incident_is_not_answered_by_another_run() -> None:
    incident = Incident(kind="collection", message="could not collect 't/a.py'")

    assert again(results(a1="failed"), incident) == (None, "no second run: could not collect 't/a.py'")


def test_where_nearly_everything_fails_it_is_not_chance() -> None:
    most: dict[str, Outcome] = {f"a{number}": "failed" for number in range(9)}

    assert again(results(**most, b="passed"), None) == (
        None,
        "no second run: 9 of 10 tests failed, which is not chance",
    )
    assert again(results(a1="failed", a2="failed"), None)[0] is not None
