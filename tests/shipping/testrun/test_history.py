from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline_gen.errors import InfraError
from pipeline_gen.suites.composing import failed_key
from pipeline_gen.suites.durations import Durations, durations_key
from pipeline_gen.suites.parts import Part, TestPlan
from shipping.memory import MemoryStore
from shipping.testrun.events import Outcome, Result
from shipping.testrun.history import (
    KEPT_OCCURRENCES,
    flaky_history,
    flaky_key,
    measure,
    remember_durations,
    remember_failed,
    remember_flaky,
)
from shipping.testrun.incident import Incident
from shipping.testrun.proof import prove
from shipping.testrun.report import Phases, Report

KEY = durations_key("inbox", "unit")


def plan(*parts: Part) -> TestPlan:
    return TestPlan(suite="unit", target=60.0, parts=parts or (Part(files=("t/a.py", "t/b.py")),))


def report(shard: int = 0, incident: Incident | None = None, **outcomes: Outcome) -> Report:
    ids = {f"t/{name[0]}.py::{name}": outcome for name, outcome in outcomes.items()}
    return Report(
        suite="unit",
        shard=shard,
        job="j",
        attempt=0,
        digest="d",
        collected=tuple(ids),
        results=tuple(Result(id=test, outcome=outcome, seconds=2.0) for test, outcome in ids.items()),
        files={"t/a.py": 0.5, "t/b.py": 0.25},
        session_seconds=3.0,
        incident=incident,
    )


def known(store: MemoryStore) -> dict[str, float]:
    stored = store.get(KEY)
    return dict(Durations.parse(stored.body).seconds) if stored else {}


def test_what_passed_is_measured_and_what_was_skipped_is_not() -> None:
    store = MemoryStore()
    store.create(KEY, Durations({"t/a.py::a2": 9.0}).encode())

    remember_durations(store, "inbox", plan(), [report(a1="passed", a2="skipped", a3="failed", b1="xfailed")])

    expected = {"t/a.py::a1": 2.0, "t/a.py::a2": 9.0, "t/b.py::b1": 2.0, "t/a.py": 0.5, "t/b.py": 0.25, ".": 3.0}
    assert known(store) == expected


def test_a_test_that_is_gone_is_forgotten_only_if_its_file_ran_to_the_end_everywhere() -> None:
    parts = (Part(files=("t/b.py",), dealt={"t/a.py": ("t/a.py::a1",)}), Part(remainder={"t/a.py": ("t/a.py::a1",)}))
    crash = Incident(kind="crash", message="died")
    store = MemoryStore()
    store.create(KEY, Durations({"t/a.py::gone": 1.0, "t/b.py::gone": 1.0}).encode())

    remember_durations(store, "inbox", plan(*parts), [report(0, a1="passed"), report(1, crash, a2="passed")])

    assert "t/a.py::gone" in known(store)
    assert "t/b.py::gone" not in known(store)

    remember_durations(store, "inbox", plan(*parts), [report(0, a1="passed"), report(1, a2="passed")])

    assert "t/a.py::gone" not in known(store)


def test_a_file_split_over_shards_costs_what_it_cost_the_dearest() -> None:
    assert measure(plan(), [report(a1="passed"), report(a2="passed")]).seconds["t/a.py"] == 0.5


def test_what_is_left_of_a_shards_time_is_shared_out_to_its_files() -> None:
    """pytest's bookkeeping grows with what it collects: of 8 s, 3 s were its start, 2 s the test's, 0.75 s the files'."""
    full = replace(report(a1="passed"), phases=Phases(pytest=8.0))
    distributed = replace(full, versions={"workers": 4})

    seconds = measure(plan(), [full]).seconds
    assert seconds["t/a.py"] == pytest.approx(2.0)
    assert seconds["t/b.py"] == pytest.approx(1.0)
    assert sum(seconds.values()) == pytest.approx(8.0)
    assert measure(plan(), [distributed]).seconds["t/a.py"] == 0.5


def test_a_file_that_is_its_own_test_is_measured_where_it_passed() -> None:
    """Suites that a command runs: one that failed or hung says nothing of how long it takes, and is not set to nothing."""
    by_file = {
        "t/a.py": Result(id="t/a.py", outcome="passed", seconds=2.0),
        "t/b.py": Result(id="t/b.py", outcome="hung"),
    }
    files = replace(
        report(), collected=tuple(by_file), results=tuple(by_file.values()), files=dict.fromkeys(by_file, 0.0)
    )
    store = MemoryStore()
    store.create(KEY, Durations({"t/b.py": 9.0, "t/b.py::of another runner": 1.0}).encode())

    remember_durations(store, "inbox", plan(), [files])

    assert known(store) == {"t/a.py": 2.0, "t/b.py": 9.0, ".": 3.0}


class Contended(MemoryStore):
    """A store in which another build writes between our reading and our writing, some times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:
        if self.times:
            self.times -= 1
            stored = self.get(key)
            other = Durations(
                {**(Durations.parse(stored.body).seconds if stored else {}), f"t/a.py::o{self.times}": 1.0}
            )
            super().replace(key, other.encode(), version=stored.version if stored else None)
        return super().replace(key, body, version=version)


def test_two_builds_that_finish_together_both_count() -> None:
    store = Contended(3)

    remember_durations(store, "inbox", plan(Part(files=("t/b.py",)), Part(files=("t/a.py",))), [report(b1="passed")])

    assert {"t/b.py::b1", "t/a.py::o0", "t/a.py::o1", "t/a.py::o2"} <= set(known(store))


def test_a_race_that_is_always_lost_ends() -> None:
    with pytest.raises(InfraError, match="10 times another build was faster"):
        remember_durations(Contended(99), "inbox", plan(), [report(b1="passed")])


def test_flaky_tests_are_remembered_with_their_last_occurrences() -> None:
    store = MemoryStore()
    for number in range(KEPT_OCCURRENCES + 5):
        remember_flaky(
            store, "inbox", "unit", ["t/a.py::a"], commit=f"c{number}", at=f"2026-01-{number + 1:02}T00:00:00Z"
        )
    remember_flaky(store, "inbox", "unit", ["t/a.py::b"], commit="c1", at="2026-02-01T00:00:00Z")
    remember_flaky(store, "inbox", "unit", ["t/a.py::b"], commit="c1", at="2026-02-02T00:00:00Z")
    remember_flaky(store, "inbox", "unit", [], commit="c2", at="2026-02-03T00:00:00Z")

    assert flaky_history(store, "inbox", "unit") == {
        "t/a.py::a": "flaky on main 20 times, last on 2026-01-25",
        "t/a.py::b": "flaky on main 1 time, last on 2026-02-02",
    }
    stored = store.get(flaky_key("inbox", "unit"))
    assert stored is not None
    assert json.loads(stored.body)["schema"] == 1


def only_a(outcome: Outcome) -> Report:
    return Report(
        suite="unit",
        shard=0,
        job="j",
        attempt=0,
        digest="d",
        collected=("t/a.py::a1",),
        results=(Result(id="t/a.py::a1", outcome=outcome),),
        files={"t/a.py": 0.1},
    )


def test_the_files_that_failed_on_a_branch_are_kept_until_a_build_of_it_is_green() -> None:
    """Failing tests and shards without a report count; branches with odd names do not meet."""
    store = MemoryStore()
    key = failed_key("inbox", "unit", "feature/x y")
    two, one = plan(Part(files=("t/a.py",)), Part(files=("t/b.py",))), plan(Part(files=("t/a.py",)))

    def kept() -> list[str]:
        stored = store.get(key)
        assert stored is not None
        found: list[str] = json.loads(stored.body)
        return found

    remember_failed(store, "inbox", "feature/x y", two, prove(two, "d", [only_a("failed")]))
    assert kept() == ["t/a.py", "t/b.py"]
    remember_failed(store, "inbox", "feature/x y", one, prove(one, "d", [only_a("passed")]))
    assert kept() == []
    assert list(store.list("")) == ["inbox/suites/unit/failed/feature%2Fx%20y.json"]


def test_a_branch_that_was_always_green_leaves_nothing() -> None:
    """What can be derived is not stored."""
    store, suite = MemoryStore(), plan(Part(files=("t/a.py",)))

    remember_failed(store, "inbox", "topic", suite, prove(suite, "d", [only_a("passed")]))

    assert list(store.list("")) == []
