from __future__ import annotations

import json

import pytest

from pipeline_gen.suites.durations import Durations, durations_key, merge

OLD = Durations({"t/a.py::one": 1.0, "t/a.py::two": 2.0, "t/b.py::three": 3.0, "t/a.py": 0.5, ".": 4.0})
FILES = ("t/a.py", "t/b.py")


def test_the_format_is_pytest_splits() -> None:
    """It reads what pytest-split wrote, and writes what pytest-split reads."""
    written = Durations({"t/b.py::b": 2.0, "t/a.py::a": 1.0}).encode()

    assert json.loads(written) == {"t/a.py::a": 1.0, "t/b.py::b": 2.0}
    assert Durations.parse(written).seconds == {"t/a.py::a": 1.0, "t/b.py::b": 2.0}
    assert Durations.parse(b'[["t/a.py::a", 1.5]]').seconds == {"t/a.py::a": 1.5}
    assert durations_key("inbox", "unit") == "inbox/suites/unit/durations.json"


def test_entries_that_are_no_durations_are_left_out_and_named() -> None:
    body = b'{"a::1": 1, "a::2": -1, "a::3": "x", "a::4": NaN, "a::5": true, "a::6": null, "\\ud800": 1}'

    durations = Durations.parse(body)

    assert durations.seconds == {"a::1": 1.0}
    assert len(durations.faults) == 6
    assert durations.faults[0] == "'a::2': -1 is not a number of seconds"


@pytest.mark.parametrize("body", [b"", b"{", b"3", b"[1]", b"\xff"])
def test_a_document_that_is_no_durations_says_so_and_stops_nothing(body: bytes) -> None:
    durations = Durations.parse(body)

    assert (durations.seconds, len(durations.faults)) == ({}, 1)


def test_new_measurements_move_what_is_known_part_of_the_way() -> None:
    merged = merge(OLD, {"t/a.py::one": 2.0, "t/b.py::new": 7.0}, seen={}, files=FILES)

    assert merged.seconds["t/a.py::one"] == pytest.approx(1.4)
    assert merged.seconds["t/b.py::new"] == 7.0
    assert merged.seconds["t/a.py::two"] == 2.0


def test_a_test_gone_from_a_file_that_ran_whole_is_dropped() -> None:
    """A test that was skipped was seen, so what is known of it stays."""
    merged = merge(OLD, {}, seen={"t/a.py": {"t/a.py::two"}}, files=FILES)

    assert set(merged.seconds) == {"t/a.py::two", "t/b.py::three", "t/a.py", "."}


def test_what_is_known_of_files_that_are_gone_is_dropped() -> None:
    assert set(merge(OLD, {}, seen={}, files=("t/b.py",)).seconds) == {"t/b.py::three", "."}


def test_measurements_that_are_no_durations_are_not_taken_in() -> None:
    """A test that mocks the clock can make its own duration anything."""
    assert merge(OLD, {"t/a.py::one": -5.0, "t/a.py::two": float("inf")}, seen={}, files=FILES) == OLD
