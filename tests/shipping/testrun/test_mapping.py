"""Parallel jobs, one map: whoever finishes last writes it."""

from __future__ import annotations

from itertools import permutations

import pytest

from pipeline_gen.suites.coverage_map import TestRecord, decode, map_key
from pipeline_gen.suites.imports import Imports
from shipping.memory import MemoryStore
from shipping.testrun.mapping import Recording


def _recording(store: MemoryStore, count: int = 3) -> Recording:
    return Recording(store=store, app="inbox", suite="unit", commit="c0ffee", build="b1", count=count)


def _record(name: str) -> TestRecord:
    return TestRecord(file=f"{name}.py", ran={"app.py": (name,)}, loaded=("app.py",))


def _imports() -> dict[str, Imports]:
    return {"app.py": Imports()}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_last_job_writes_the_map_whichever_it_is(order: tuple[int, ...]) -> None:
    store = MemoryStore()
    recording = _recording(store)

    written = []
    for index in order:
        recording.keep(index, [_record(f"t{index}")])
        written.append(recording.finish(_imports))

    stored = store.get(map_key("inbox", "unit", "c0ffee"))
    assert stored is not None
    assert written == [None, None, decode(stored.body)]
    assert decode(stored.body).tests == ("t0.py", "t1.py", "t2.py")
    assert recording.is_done


def test_a_job_that_is_run_again_goes_on_with_what_it_had_kept() -> None:
    """It died after it had kept its records, before it could write the map."""
    recording = _recording(MemoryStore(), count=1)
    recording.keep(0, [_record("first")])

    assert recording.has(0)
    recording.keep(0, [_record("second")])
    coverage = recording.finish(_imports)

    assert coverage is not None
    assert coverage.tests == ("first.py",)


def test_two_jobs_that_both_find_themselves_last_write_the_same() -> None:
    recording = _recording(MemoryStore(), count=2)
    recording.keep(0, [_record("a")])
    recording.keep(1, [_record("b")])

    assert recording.finish(_imports) == recording.finish(_imports)


def test_a_recording_of_another_number_of_jobs_is_another() -> None:
    """A step whose parallelism was changed by a rebuild must not mix the shares of both."""
    store = MemoryStore()
    _recording(store, count=2).keep(0, [_record("a")])

    assert not _recording(store, count=3).has(0)
