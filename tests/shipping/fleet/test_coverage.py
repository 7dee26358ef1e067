"""Covered and good: derived from a transition, acks and verdicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from shipping.fleet.coverage import covered, good
from shipping.records.history import Entry
from shipping.records.lane import Pointer, Token, Transition
from tests.shipping.fleet.test_count import acked

TOKEN = Token(counter=3)
FLIP = Entry(
    transition=Transition(
        id="x", token=TOKEN, kind="flip", at="2026-01-01T00:00:00.000Z", actor="ann", reason="", commit="c" * 40
    ),
    pointer=Pointer(commit="c" * 40, slug="s" * 64, position=7, token=TOKEN),
    hosts=("a", "b"),
    reason="",
)
BOTH = frozenset("ab")
DONE = acked((TOKEN, "complete", "a"), (Token(counter=4), "complete", "b"))


def test_every_counted_host_completed_it_or_a_later_one() -> None:
    assert covered(FLIP, DONE, in_service=BOTH)
    assert not covered(FLIP, acked((TOKEN, "complete", "a"), (TOKEN, "serving", "b")), in_service=BOTH)
    assert not covered(FLIP, acked((TOKEN, "complete", "a"), (Token(counter=2), "complete", "b")), in_service=BOTH)


def test_a_host_that_left_is_not_asked_for_and_one_that_came_was_not_counted() -> None:
    assert covered(FLIP, acked((TOKEN, "complete", "a")), in_service=frozenset("ac"))


@pytest.mark.parametrize(
    "entry",
    [replace(FLIP, hosts=None), replace(FLIP, hosts=()), replace(FLIP, hosts=("gone",)), replace(FLIP, pointer=None)],
)
def test_no_data_is_not_a_yes(entry: Entry) -> None:
    assert not covered(entry, DONE, in_service=BOTH)


def test_a_lock_covers_nothing() -> None:
    """It copies the pointer of the flip before it."""
    lock = replace(FLIP, transition=replace(FLIP.transition, token=Token(counter=4), kind="lock"))

    assert not covered(lock, DONE, in_service=BOTH)


@pytest.mark.parametrize(
    ("minute", "verdicts", "expected"),
    [(9, [], False), (10, [], True), (10, ["HEALTHY", "INCONCLUSIVE"], True), (10, ["HEALTHY", "DROP"], False)],
)
def test_good_is_covered_and_watched_without_a_drop(minute: int, verdicts: list[str], *, expected: bool) -> None:
    now = datetime.fromisoformat(f"2026-01-01T00:{minute:02d}:00+00:00")

    assert good(FLIP, DONE, in_service=BOTH, verdicts=verdicts, now=now) is expected
    assert not good(FLIP, acked(), in_service=BOTH, verdicts=verdicts, now=now)
