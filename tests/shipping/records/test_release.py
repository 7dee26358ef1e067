"""What is written about a release: clearance, outcome and runs survive the wire, and only the wire's own changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_gen.errors import Refused, UsageError
from shipping.lane import keys
from shipping.records.clearance import Clearance
from shipping.records.outcome import Outcome
from shipping.records.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

COMMIT = "c" * 40
CLEARANCE = Clearance(app="inbox", commit=COMMIT, position=7, slug="d" * 64, config={"app": "inbox"}, evidence=("k",))
OUTCOME = Outcome(commit=COMMIT, position=7, result="rejected", why=("FAIL",), slug=None, build="b", at="t")
RUN = Run(commit=COMMIT, status=-9, at="t", seconds=1.5, build="b", floor=True)

KINDS: list[tuple[Any, Callable[[bytes], Any]]] = [
    (CLEARANCE, lambda body: Clearance.decode(body, app="inbox", commit=COMMIT, where="k")),
    (OUTCOME, lambda body: Outcome.decode(body, where="k")),
    (RUN, lambda body: Run.decode(body, where="k")),
]


@pytest.mark.parametrize(("record", "decode"), KINDS)
def test_a_record_is_read_as_it_was_written_whatever_else_is_in_it(record: Any, decode: Callable[[bytes], Any]) -> None:  # noqa: ANN401
    """Fields of a newer ship are ignored, a newer schema and damage are refused by name."""
    data = json.loads(record.encode())

    assert decode(record.encode()) == record
    assert decode(json.dumps({**data, "more": 1}).encode()) == record
    with pytest.raises(UsageError, match="schema 2"):
        decode(json.dumps({**data, "schema": 2}).encode())
    with pytest.raises(Refused, match="truncated or damaged"):
        decode(record.encode()[:-9])


@pytest.mark.parametrize(("app", "commit"), [("other", COMMIT), ("inbox", "e" * 40)])
def test_a_clearance_of_another_release_clears_nothing(app: str, commit: str) -> None:
    """A copy under another key is no clearance."""
    with pytest.raises(Refused, match="it is of commit 'cccccccccccc' of 'inbox'"):
        Clearance.decode(CLEARANCE.encode(), app=app, commit=commit, where="k")


def test_the_newest_clearance_is_listed_first() -> None:
    """One page of a list is enough, however many there are."""
    found = sorted(keys.cleared("inbox", position, COMMIT) for position in (9, 10, 100, 2))

    assert [keys.MOST - int(key.split("/")[2].split("-")[0]) for key in found] == [100, 10, 9, 2]
