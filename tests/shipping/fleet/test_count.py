"""Counting a fleet: a table of what one host may have said, and properties of any fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_gen.config import FailedHosts
from shipping.fleet.count import GRACE, Count, count, judge
from shipping.records.ack import STATES
from shipping.records.lane import Token

if TYPE_CHECKING:
    from shipping.records.ack import State

SPREAD = 60.0
LATE = SPREAD + GRACE
HOSTS = tuple(f"host-{number}" for number in range(6))
TOKEN, NEXT, LOWER = Token(counter=5), Token(counter=6), Token(counter=4)

Said = list[tuple[Token, "State", str]]
said = st.lists(
    st.tuples(st.sampled_from([LOWER, TOKEN, NEXT, Token(counter=7)]), st.sampled_from(STATES), st.sampled_from(HOSTS))
)
some_hosts = st.sets(st.sampled_from(HOSTS)).map(frozenset)


def acked(*acks: tuple[Token, State, str]) -> dict[Token, dict[State, frozenset[str]]]:
    """Return acks as lists give them."""
    found: dict[Token, dict[State, set[str]]] = {}
    for token, state, host in acks:
        found.setdefault(token, {}).setdefault(state, set()).add(host)
    return {token: {state: frozenset(hosts) for state, hosts in states.items()} for token, states in found.items()}


def standing(found: Count, host: str) -> list[str]:
    """Return every group that a host is in."""
    groups = ("complete", "serving", "triggered", "failed", "silent", "waiting", "gone")
    return [name for name in groups if host in getattr(found, name)]


@pytest.mark.parametrize(
    ("words", "elapsed", "expected"),
    [
        ("", 0.0, "waiting"),
        ("", LATE - 0.1, "waiting"),
        ("", LATE, "silent"),
        ("5 fetched", LATE, "waiting"),
        ("5 fetched, 5 triggered", LATE, "triggered"),
        ("5 triggered, 5 serving", 0.0, "serving"),
        ("5 triggered, 5 serving, 5 complete", 0.0, "complete"),
        ("5 failed", 0.0, "failed"),
        ("5 triggered, 5 failed", 0.0, "failed"),
        ("5 triggered, 5 serving, 5 failed", 0.0, "failed"),
        ("5 triggered, 5 failed, 5 complete", 0.0, "complete"),
        ("4 complete", LATE, "silent"),
        ("4 failed", 0.0, "waiting"),
        ("6 fetched", LATE, "waiting"),
        ("6 triggered", 0.0, "triggered"),
        ("6 complete", 0.0, "complete"),
        ("5 failed, 6 fetched", 0.0, "failed"),
        ("5 failed, 6 triggered", 0.0, "triggered"),
        ("5 triggered, 6 failed", 0.0, "failed"),
        ("5 complete, 6 failed", 0.0, "complete"),
    ],
)
def test_what_a_host_said_says_where_it_stands(words: str, elapsed: float, expected: str) -> None:
    """Of token 5: what was said of a lower one is of no interest, what was said of a higher one counts."""
    by_word = {state: state for state in STATES}
    split = [one.split() for one in words.split(", ") if one]
    acks = acked(*[(Token(counter=int(number)), by_word[word], "a") for number, word in split])  # type: ignore[index]

    found = count(TOKEN, ["a"], acks, in_service=frozenset("a"), elapsed=elapsed, spread=SPREAD)

    assert standing(found, "a") == [expected]


@given(said, some_hosts, some_hosts, st.floats(0, 200))
def test_each_counted_host_is_in_one_group_and_no_other_host_in_any(
    acks: Said, counted: frozenset[str], in_service: frozenset[str], elapsed: float
) -> None:
    """Hosts come and go meanwhile: who went is waited for by nobody, and who came was never counted."""
    found = count(TOKEN, counted, acked(*acks), in_service=in_service, elapsed=elapsed, spread=SPREAD)

    assert {host: len(standing(found, host)) for host in HOSTS} == {host: int(host in counted) for host in HOSTS}
    assert found.gone == counted - in_service
    assert found.expected == len(counted & in_service)


@given(said, st.randoms(use_true_random=False), st.floats(0, 200))
def test_the_order_in_which_acks_arrive_is_of_no_account(acks: Said, chance: object, elapsed: float) -> None:
    other = list(acks)
    chance.shuffle(other)  # type: ignore[attr-defined]

    first, second = (
        count(TOKEN, HOSTS, acked(*one), in_service=frozenset(HOSTS), elapsed=elapsed, spread=SPREAD)
        for one in (acks, [*other, *other])
    )

    assert first == second


@given(said, said)
def test_what_a_host_has_completed_is_never_taken_back(acks: Said, later: Said) -> None:
    """And nobody who once spoke becomes silent."""
    before, after = (
        count(TOKEN, HOSTS, acked(*one), in_service=frozenset(HOSTS), elapsed=LATE, spread=SPREAD)
        for one in (acks, acks + later)
    )

    assert before.complete <= after.complete
    assert after.silent <= before.silent


@given(said)
def test_what_completed_a_token_completed_all_before_it(acks: Said) -> None:
    """Tokens overlap while a fleet rolls: coverage of an older one only grows by a newer one."""
    older, newer = (
        count(token, HOSTS, acked(*acks), in_service=frozenset(HOSTS), elapsed=0.0, spread=SPREAD)
        for token in (TOKEN, NEXT)
    )

    assert newer.complete <= older.complete


@pytest.mark.parametrize(
    ("found", "limit", "verdict"),
    [
        (Count(token=TOKEN, triggered=frozenset("ab")), FailedHosts(), "triggered"),
        (Count(token=TOKEN, triggered=frozenset("a"), waiting=frozenset("b")), FailedHosts(), "waiting"),
        (Count(token=TOKEN, triggered=frozenset("ab"), failed=frozenset("c")), FailedHosts(), "failed"),
        (Count(token=TOKEN, triggered=frozenset("ab"), failed=frozenset("c")), FailedHosts(count=1), "triggered"),
        (Count(token=TOKEN, triggered=frozenset("ab"), silent=frozenset("c")), FailedHosts(), "failed"),
        (Count(token=TOKEN, waiting=frozenset("ab"), failed=frozenset("c")), FailedHosts(), "failed"),
        (Count(token=TOKEN, failed=frozenset("a"), silent=frozenset("b")), FailedHosts(count=1), "failed"),
        (
            Count(token=TOKEN, serving=frozenset(map(str, range(199))), failed=frozenset("x")),
            FailedHosts(percent=1),
            "triggered",
        ),
        (
            Count(token=TOKEN, serving=frozenset(map(str, range(50))), failed=frozenset("x")),
            FailedHosts(percent=1),
            "failed",
        ),
        (Count(token=TOKEN, gone=frozenset("ab")), FailedHosts(count=5), "empty"),
        (Count(token=TOKEN), FailedHosts(), "empty"),
    ],
)
def test_failed_and_silent_hosts_count_against_the_limit(found: Count, limit: FailedHosts, verdict: str) -> None:
    """A share is one of the hosts that were counted and are there still; no host at all is no yes."""
    assert judge(found, limit) == verdict
