"""What a host keeps, and what it drops first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shipping.host.memory import Former, Memory
from shipping.host.retention import GOOD, RELEASES, SECONDS, WATCHED, droppable
from shipping.records.beacon import Runs
from shipping.records.lane import Token

HOUR = 3600.0


def slug(number: int) -> str:
    return f"{number:064x}"


def memory(*former: tuple[int, float, float]) -> Memory:
    """Return the memory of a host that runs 999 and ran the others: (number, until, served)."""
    return Memory(
        boot="b",
        runs=Runs(commit="a" * 40, slug=slug(999), token=Token()),
        former=tuple(Former(slug=slug(number), until=until, served=served) for number, until, served in former),
    )


def test_twelve_stay_however_old() -> None:
    """A quiet weekend does not make rollbacks impossible."""
    remembered = memory(*((number, number * 10.0, 5.0) for number in range(20)))
    kept = [slug(number) for number in range(20)]

    dropped = droppable(kept, remembered, pinned=frozenset(), now=100 * HOUR)

    assert dropped == [slug(number) for number in range(8)]


def test_an_hour_stays_however_many() -> None:
    """At one deploy a minute an hour is sixty releases."""
    remembered = memory(*((number, number * 60.0, 60.0) for number in range(60)))

    assert droppable([slug(number) for number in range(60)], remembered, pinned=frozenset(), now=HOUR - 1) == []
    assert droppable([slug(0), slug(1)], remembered, pinned=frozenset(), now=HOUR + 1) == [slug(0)]


def test_two_good_ones_stay_behind_many_short_ones() -> None:
    """A day of releases that were each rolled back must not push out those that worked."""
    good = [(number, number * 10.0, float(WATCHED)) for number in range(3)]
    bad = [(number, number * 10.0, 5.0) for number in range(3, 40)]

    dropped = droppable([slug(number) for number in range(40)], memory(*good, *bad), pinned=frozenset(), now=1e9)

    assert slug(0) in dropped
    assert slug(1) not in dropped
    assert slug(2) not in dropped


def test_what_was_never_used_goes_first() -> None:
    """Fetched beforehand, never wanted."""
    remembered = memory(*((number, 1.0, 1.0) for number in range(20)))

    dropped = droppable([slug(500), *(slug(number) for number in range(20))], remembered, pinned=frozenset(), now=1e9)

    assert dropped[0] == slug(500)


slugs = st.integers(0, 30)
memories = st.lists(st.tuples(slugs, st.floats(0, 1e5), st.floats(0, 1e4)), max_size=64)


@given(memories, st.frozensets(slugs), st.frozensets(slugs), st.floats(0, 2e5))
def test_what_may_be_needed_is_never_dropped(
    former: list[tuple[int, float, float]], kept: frozenset[int], pinned: frozenset[int], now: float
) -> None:
    """What serves, what is pinned, the one before, the last twelve, the last two good ones, the last hour."""
    former = sorted(former, key=lambda one: one[1])
    remembered = memory(*former)
    dropped = droppable(
        [slug(one) for one in kept] + [slug(999)],
        remembered,
        pinned=frozenset(slug(one) for one in pinned),
        now=now,
    )
    newest = list(dict.fromkeys(number for number, _, _ in reversed(former)))
    good = [number for number in newest if any(one == number and served >= WATCHED for one, _, served in former)]
    recent = [number for number, until, _ in former if now - until < SECONDS]
    needed = {999, *pinned, *newest[:RELEASES], *good[:GOOD], *recent}

    assert not {slug(one) for one in needed} & set(dropped)
    assert set(dropped) == {slug(one) for one in kept - needed}
