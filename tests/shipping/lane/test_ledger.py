from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, Refused, UsageError
from shipping.lane import keys, machine
from shipping.lane.ledger import Change, Ledger
from shipping.lane.machine import Locked, Superseded, Wanted
from shipping.memory import MemoryStore
from shipping.records.lane import Lane, Token
from tests.shipping.lane.test_machine import act, release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline_gen.ports import Stored, VersionedStore
    from shipping.lane.machine import Act, Refusal


def ledger(store: VersionedStore) -> Ledger:
    return Ledger(store, app="inbox", environment="us")


def flip(to: int, name: Act) -> Callable[[Lane], Lane | Refusal]:
    return lambda lane: machine.flip(lane, release(to), name)


def done(found: Change | Refusal) -> Change:
    assert isinstance(found, Change), found
    return found


class Cut:
    """A store that dies once at a named point of a change."""

    def __init__(self, store: VersionedStore, point: str) -> None:
        self._store, self._point, self._history_only = store, point, False

    def _dies(self, point: str) -> None:
        if self._point == point:
            self._point = ""
            raise InfraError(f"cut at {point}")

    def create(self, key: str, body: bytes) -> bool:
        self._dies("before history")
        created = self._store.create(key, body)
        self._dies("after history")
        return created

    def get(self, key: str) -> Stored | None:
        return self._store.get(key)

    def list(self, prefix: str) -> Iterator[str]:
        return self._store.list(prefix)

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:
        self._dies("before lane")
        replaced = self._store.replace(key, body, version=version)
        self._dies("after lane")
        return replaced


@pytest.mark.parametrize("point", ["before lane", "after lane", "before history", "after history"])
def test_an_act_that_dies_anywhere_is_done_once_when_it_is_attempted_again(point: str) -> None:
    """The same id finds its own write, whether the answer was lost or not."""
    store = MemoryStore()
    name = act("deploy-1")

    with pytest.raises(InfraError):
        ledger(Cut(store, point)).change(name, flip(1, name), hosts=["b", "a"])
    again = done(ledger(store).change(name, flip(1, name), hosts=["b", "a"]))

    assert again.lane.token == Token(counter=1)
    assert [(one.transition.id, one.hosts) for one in ledger(store).history()] == [("deploy-1", ("a", "b"))]


def test_the_next_change_writes_the_copy_that_a_dead_winner_owes() -> None:
    """No transition is ever missing from the history, whoever dies; only who was counted is not known."""
    store, first, second = MemoryStore(), act("one"), act("two")
    with pytest.raises(InfraError):
        ledger(Cut(store, "before history")).change(first, flip(1, first), hosts=["a"])

    done(ledger(store).change(second, flip(2, second), hosts=["a"]))

    told = [(one.transition.id, one.pointer and one.pointer.position, one.hosts) for one in ledger(store).history()]
    assert told == [("one", 1, None), ("two", 2, ("a",))]


def test_a_refusal_changes_nothing() -> None:
    """What is refused leaves no trace."""
    store, name, late = MemoryStore(), act("lock", reason="a move"), act("late")
    done(ledger(store).change(name, lambda lane: machine.lock(lane, name)))

    refused = ledger(store).change(late, flip(1, late))

    assert isinstance(refused, Locked)
    assert ledger(store).read().token == Token(counter=1)
    assert len(ledger(store).history()) == 1


def test_a_refusal_writes_nothing() -> None:
    """Of many that want the same, all but one only read; what a dead winner owes is written by who changes the lane next."""
    store, first, late = MemoryStore(), act("one"), act("late")
    with pytest.raises(InfraError):
        ledger(Cut(store, "before history")).change(first, flip(1, first))

    refused = ledger(Cut(store, "before history")).change(late, flip(1, late))

    assert isinstance(refused, Superseded)
    assert list(store.list(keys.history("inbox", "us"))) == []


def test_what_was_said_stands_whole_in_the_history() -> None:
    """The lane has room for its beginning only."""
    store, name = MemoryStore(), act("lock", reason="a long story. " * 40)

    done(ledger(store).change(name, lambda lane: machine.lock(lane, name)))

    assert [one.reason for one in ledger(store).history()] == [name.reason]


def test_sixteen_writers_lose_no_transition_and_make_none_twice() -> None:
    """Every flip that was won has a token of its own; positions only grow."""
    store, won, lock = MemoryStore(), [], threading.Lock()

    def write(writer: int) -> None:
        for number in range(25):
            name = act(f"{writer}-{number}")
            found = ledger(store).change(name, flip(number * 16 + writer, name))
            assert isinstance(found, Change | Superseded)
            if isinstance(found, Change):
                with lock:
                    won.append(found.transition.token)

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(16)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()

    entries = ledger(store).history()
    positions = [one.pointer.position for one in entries if one.pointer]
    assert sorted(won) == [one.transition.token for one in entries]
    assert positions == sorted(set(positions))
    assert positions[-1] == 24 * 16 + 15


def test_a_damaged_or_newer_lane_is_refused_by_name() -> None:
    """A reader never guesses."""
    store = MemoryStore()
    key = keys.lane("inbox", "us")
    store.create(key, b'{"schema": 1, "environment"')
    with pytest.raises(Refused, match=key):
        ledger(store).read()

    store = MemoryStore()
    store.create(key, b'{"schema": 2}')
    with pytest.raises(UsageError, match="schema 2"):
        ledger(store).read()


def test_unknown_fields_of_a_lane_are_ignored() -> None:
    """A newer ship may say more."""
    store = MemoryStore()
    store.create(
        keys.lane("inbox", "us"), Lane(environment="us").encode().replace(b'"floor":0', b'"floor":0,"new":[1]')
    )

    assert ledger(store).read() == Lane(environment="us")


def test_the_wanted_release_is_named_whole() -> None:
    """What hosts need to fetch it is in the lane."""
    store, name = MemoryStore(), act("one")

    lane = done(
        ledger(store).change(name, lambda lane: machine.flip(lane, Wanted(commit="c", slug="s", position=3), name))
    ).lane

    assert lane.pointer is not None
    assert (lane.pointer.commit, lane.pointer.slug) == ("c", "s")
