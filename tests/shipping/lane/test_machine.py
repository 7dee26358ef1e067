from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from shipping.lane import machine
from shipping.lane.machine import Act, BelowFloor, Locked, NothingToDo, Superseded, Wanted
from shipping.records.lane import ACTOR, KEPT, MAX_BYTES, REASON, Lane, Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.lane.machine import Refusal


def act(name: str, *, actor: str = "ann", reason: str = "because") -> Act:
    return Act(id=name, at="2026-01-01T00:00:00.000Z", actor=actor, reason=reason)


def release(position: int) -> Wanted:
    return Wanted(commit=f"{position:040x}", slug=f"{position:064x}", position=position)


def after(found: Lane | Refusal) -> Lane:
    assert isinstance(found, Lane), found
    return found


EMPTY = Lane(environment="us")


def test_a_flip_wants_a_newer_release_under_the_next_token() -> None:
    """The pointer carries the token of the transition that chose it."""
    lane = after(machine.flip(EMPTY, release(7), act("one")))

    assert lane.pointer is not None
    assert (lane.pointer.position, lane.pointer.token, lane.token) == (7, Token(counter=1), Token(counter=1))
    assert [(one.id, one.kind, one.commit) for one in lane.transitions] == [("one", "flip", release(7).commit)]


def test_a_flip_to_the_same_or_an_older_release_is_superseded() -> None:
    """Releases are ordered by position, whatever the order of builds."""
    lane = after(machine.flip(EMPTY, release(7), act("one")))

    for position in (7, 6):
        refused = machine.flip(lane, release(position), act("two"))
        assert isinstance(refused, Superseded)
        assert refused.pointer.position == 7


def test_a_locked_lane_is_not_flipped_and_names_the_lock() -> None:
    """Nothing of ours breaks a human's stop."""
    lane = after(machine.lock(EMPTY, act("lock", actor="bob", reason="the database moves")))

    refused = machine.flip(lane, release(1), act("one"))

    assert isinstance(refused, Locked)
    assert (refused.lock.who, refused.lock.why) == ("bob", "the database moves")
    assert isinstance(machine.flip(after(machine.unlock(lane, act("unlock"))), release(1), act("one")), Lane)


def test_a_rollback_points_back_and_locks_in_one_transition() -> None:
    """There is no moment at which the old release is wanted and the lane is open."""
    lane = after(machine.flip(after(machine.flip(EMPTY, release(1), act("a"))), release(2), act("b")))

    back = after(machine.roll_back(lane, release(1), act("c", actor="eve", reason="errors")))

    assert back.pointer is not None
    assert back.lock is not None
    assert (back.pointer.position, back.lock.who, back.token) == (1, "eve", Token(counter=3))
    assert [one.kind for one in back.transitions] == ["flip", "flip", "rollback"]
    assert isinstance(machine.roll_back(back, release(1), act("d")), NothingToDo)


def test_a_rollback_of_a_locked_lane_leaves_the_lock_its_owner() -> None:
    """Who locked first is who is asked."""
    lane = after(machine.flip(EMPTY, release(2), act("a")))
    locked = after(machine.lock(lane, act("b", actor="bob")))

    back = after(machine.roll_back(locked, release(1), act("c", actor="eve")))

    assert back.lock is not None
    assert back.lock.who == "bob"


def test_nothing_goes_below_the_floor() -> None:
    """Data that was changed since cannot be read by what ran before."""
    lane = machine.raise_floor(after(machine.flip(EMPTY, release(5), act("a"))), 4)

    assert machine.roll_back(lane, release(3), act("b")) == BelowFloor(floor=4)
    assert machine.flip(machine.raise_floor(EMPTY, 4), release(3), act("b")) == BelowFloor(floor=4)
    assert isinstance(machine.roll_back(lane, release(4), act("b")), Lane)
    assert machine.raise_floor(lane, 2).floor == 4


def test_another_pointer_ends_a_halt() -> None:
    """A halt is that ramp's: what is wanted next is not what was halted."""
    lane = after(machine.flip(EMPTY, release(5), act("a")))
    halted = after(machine.halt(lane, act("b", reason="no data")))

    assert halted.halted == "no data"
    assert after(machine.lock(halted, act("c"))).halted == "no data"
    assert after(machine.flip(halted, release(6), act("c"))).halted is None
    assert after(machine.resume(halted, act("c"))).halted is None
    assert isinstance(machine.resume(lane, act("c")), NothingToDo)
    assert isinstance(machine.halt(halted, act("c")), NothingToDo)


def test_words_are_cut_to_what_a_lane_has_room_for() -> None:
    """Every host reads it every few seconds."""
    lane = after(machine.lock(EMPTY, act("a", actor="x" * 200, reason="so\n" * 500)))

    assert lane.lock is not None
    assert len(lane.lock.who) == ACTOR
    assert len(lane.lock.why) == REASON
    assert lane.lock.why.endswith("...")


texts = st.text(max_size=300)
acts: st.SearchStrategy[Callable[[Lane, Act], Lane | Refusal]] = st.one_of(
    st.integers(0, 40).map(lambda n: lambda lane, act: machine.flip(lane, release(n), act)),
    st.integers(0, 40).map(lambda n: lambda lane, act: machine.roll_back(lane, release(n), act)),
    st.sampled_from([machine.lock, machine.unlock, machine.halt, machine.resume]),
)


@given(st.lists(st.tuples(acts, texts, texts), max_size=40))
def test_whatever_is_done_tokens_grow_and_the_lane_stays_small(
    done: list[tuple[Callable[[Lane, Act], Lane | Refusal], str, str]],
) -> None:
    """Each transition has a token of its own, above all before; the record is read back as it was; it fits."""
    lane, won = EMPTY, 0
    for number, (change, actor, reason) in enumerate(done):
        found = change(lane, act(f"{number:036}", actor=actor, reason=reason))
        if not isinstance(found, Lane):
            continue
        won += 1
        assert found.token > lane.token
        assert found.transitions[-1].token == found.token
        lane = found

    assert lane.token.counter == won
    assert len(lane.transitions) <= KEPT
    assert len(lane.encode()) <= MAX_BYTES
    assert Lane.decode(lane.encode(), where="us") == lane
    assert [one.token for one in lane.transitions] == sorted(one.token for one in lane.transitions)
