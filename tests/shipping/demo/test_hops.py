from __future__ import annotations

from datetime import UTC, datetime

from shipping.demo.hops import Arrival, hops

MERGED = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
BUILD = {
    "created_at": "2026-01-01T00:00:00.000Z",
    "jobs": [
        {"step_key": "plan", "finished_at": "2026-01-01T00:00:02.500Z"},
        {"step_key": "slug", "finished_at": "2026-01-01T00:00:09.000Z"},
        {"step_key": "tests-unit", "finished_at": "2026-01-01T00:00:20.000Z"},
        {"step_key": "tests-complete", "finished_at": "2026-01-01T00:00:21.000Z"},
        {"step_key": "conclude", "finished_at": "2026-01-01T00:00:23.000Z"},
        {"type": "waiter"},
    ],
}


def test_a_merge_is_followed_hop_by_hop() -> None:
    """Seconds since the merge; what production does is told since the flip too."""
    lines = hops(BUILD, Arrival(flip=MERGED + 25, first=MERGED + 27.25, fleet=MERGED + 41))

    assert [line.split()[0] for line in lines] == ["2.5", "9.0", "21.0", "23.0", "25.0", "27.2", "41.0"]
    assert lines[-2].endswith("a customer is answered by it, 2.2 s after the flip")
    assert lines[-1].endswith("all hosts run it, and nothing else, 16.0 s after the flip")


def test_hops_that_were_not_made_are_not_told() -> None:
    """A release that no host takes ends at the flip, one that is not cleared before it."""
    flipped = hops(BUILD, Arrival(flip=MERGED + 25, first=None, fleet=None))
    rejected = hops(BUILD, Arrival(flip=None, first=None, fleet=None))

    assert flipped[-1].endswith("production wants it")
    assert rejected[-1].endswith("cleared for production")
