"""What a host does next, by table and by any lane at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipping.host.decide import (
    Action,
    Disk,
    Fetch,
    Host,
    Mend,
    Notice,
    Refuse,
    Roll,
    Running,
    Wait,
    decide,
    otherwise,
    slot,
)
from shipping.host.memory import Memory
from shipping.records.ack import STATES
from shipping.records.beacon import Runs
from shipping.records.lane import Lane, Pointer, Token

HOST = Host(name="host-1", spread=60.0)
OLD, NEW = "a" * 40, "b" * 40
OLD_SLUG, NEW_SLUG, NEXT_SLUG = "1" * 64, "2" * 64, "3" * 64


def token(counter: int, epoch: int = 1) -> Token:
    return Token(epoch=epoch, counter=counter)


POINTER = Pointer(commit=NEW, slug=NEW_SLUG, position=7, token=token(5))
LANE = Lane(environment="us", token=token(5), pointer=POINTER)
RUNS_OLD = Runs(commit=OLD, slug=OLD_SLUG, token=token(3))
RUNS_NEW = Runs(commit=NEW, slug=NEW_SLUG, token=token(5))
SEEN = Memory(boot="b", seen=token(5), token=token(5), since=100.0, reached=("fetched",), runs=RUNS_OLD)
DONE = replace(SEEN, reached=("fetched", "triggered", "serving", "complete"), runs=RUNS_NEW)
BOTH = frozenset({OLD_SLUG, NEW_SLUG})
OLD_RUNS = Running(commits=frozenset({OLD}))
NEW_RUNS = Running(commits=frozenset({NEW}))
MOMENT = 100.0 + slot(token(5), HOST)
ROLL = (Roll(pointer=POINTER),)

CASES: dict[str, tuple[Lane, Disk, Running, float, tuple[Action, ...]]] = {
    "a lane that wants nothing": (
        Lane(environment="us", token=token(5)), Disk(memory=SEEN), OLD_RUNS, 0.0, (),
    ),
    "a pointer that was not seen": (
        LANE, Disk(memory=Memory(boot="b", seen=token(3), token=token(3), runs=RUNS_OLD)), OLD_RUNS, 0.0,
        (Notice(lane=token(5), pointer=token(5)),),
    ),
    "a lock, and the same pointer": (
        replace(LANE, token=token(6)), Disk(memory=DONE, kept=BOTH), NEW_RUNS, 0.0,
        (Notice(lane=token(6), pointer=token(5)),),
    ),
    "a lower token": (
        LANE, Disk(memory=replace(SEEN, seen=token(6)), kept=BOTH), OLD_RUNS, 1e9,
        (Refuse(why=f"the lane's token {token(5)} is lower than {token(6)}, which this host saw"),),
    ),
    "a lower pointer under a higher lane": (
        replace(LANE, token=token(9)), Disk(memory=replace(SEEN, token=token(6)), kept=BOTH), OLD_RUNS, 1e9,
        (Refuse(why=f"the pointer's token {token(5)} is lower than {token(6)}, which this host saw"),),
    ),
    "a pointer from the future of its lane": (
        replace(LANE, token=token(4)), Disk(memory=replace(SEEN, seen=token(4))), OLD_RUNS, 1e9,
        (Refuse(why=f"the pointer's token {token(5)} is higher than its lane's, {token(4)}"),),
    ),
    "a slug that is not here": (
        LANE, Disk(memory=SEEN, kept=frozenset({OLD_SLUG})), OLD_RUNS, 100.0,
        (Fetch(slug=NEW_SLUG, pointer=POINTER),),
    ),
    "a slug that could not be fetched": (
        LANE, Disk(memory=SEEN, later={NEW_SLUG: 130.0}), OLD_RUNS, 129.0, (Wait(until=130.0),),
    ),
    "a slug that may be tried again": (
        LANE, Disk(memory=SEEN, later={NEW_SLUG: 130.0}), OLD_RUNS, 130.0, (Fetch(slug=NEW_SLUG, pointer=POINTER),),
    ),
    "before its moment": (
        LANE, Disk(memory=SEEN, kept=BOTH), OLD_RUNS, 100.0, (Wait(until=MOMENT),),
    ),
    "before its moment, with a hint": (
        LANE, Disk(memory=SEEN, kept=BOTH, following=NEXT_SLUG), OLD_RUNS, 100.0,
        (Wait(until=MOMENT), Fetch(slug=NEXT_SLUG, pointer=None)),
    ),
    "at its moment": (LANE, Disk(memory=SEEN, kept=BOTH), OLD_RUNS, MOMENT, ROLL),
    "a host that serves nothing": (LANE, Disk(memory=replace(SEEN, runs=None), kept=BOTH), Running(), 100.0, ROLL),
    "a roll that was cut off": (
        LANE, Disk(memory=replace(SEEN, reached=("fetched", "triggered")), kept=BOTH), OLD_RUNS, 100.0, ROLL,
    ),
    "between two releases": (
        LANE, Disk(memory=SEEN, kept=BOTH), Running(commits=frozenset({OLD, "c" * 40}), whole=False), 100.0, ROLL,
    ),
    "halted before its moment": (
        replace(LANE, halted="no data"), Disk(memory=SEEN, kept=BOTH), OLD_RUNS, MOMENT, (),
    ),
    "halted, and not fetched": (
        replace(LANE, halted="no data"), Disk(memory=SEEN), OLD_RUNS, MOMENT, (Fetch(slug=NEW_SLUG, pointer=POINTER),),
    ),
    "halted in the middle": (
        replace(LANE, halted="no data"), Disk(memory=replace(SEEN, reached=("fetched", "triggered")), kept=BOTH),
        Running(commits=frozenset({OLD, NEW}), whole=False), 100.0, ROLL,
    ),
    "done": (LANE, Disk(memory=DONE, kept=BOTH), NEW_RUNS, 1e9, ()),
    "done, with a hint": (
        LANE, Disk(memory=DONE, kept=BOTH, following=NEXT_SLUG), NEW_RUNS, 1e9, (Fetch(slug=NEXT_SLUG, pointer=None),),
    ),
    "done, with a hint that is here": (LANE, Disk(memory=DONE, kept=BOTH, following=OLD_SLUG), NEW_RUNS, 1e9, ()),
    "done, and something died": (
        LANE, Disk(memory=DONE, kept=BOTH), Running(commits=frozenset({NEW}), whole=False), 1e9, (Mend(runs=RUNS_NEW),),
    ),
    "done, and all died": (
        LANE, Disk(memory=DONE, kept=BOTH), Running(whole=False), 1e9, (Mend(runs=RUNS_NEW),),
    ),
    "failed while the old one serves": (
        LANE, Disk(memory=replace(SEEN, reached=("fetched", "triggered", "failed")), kept=BOTH), OLD_RUNS, 1e9, (),
    ),
    "failed, and nothing serves": (
        LANE, Disk(memory=replace(SEEN, reached=("fetched", "triggered", "failed")), kept=BOTH), Running(), 1e9, ROLL,
    ),
    "failed to fetch, and here now": (
        LANE, Disk(memory=replace(SEEN, reached=("failed", "fetched")), kept=BOTH), OLD_RUNS, 1e9, ROLL,
    ),
    "a raised epoch": (
        replace(LANE, token=token(0, 2), pointer=replace(POINTER, token=token(0, 2))), Disk(memory=DONE, kept=BOTH),
        NEW_RUNS, 0.0, (Notice(lane=token(0, 2), pointer=token(0, 2)),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    """The table above."""
    lane, disk, running, now, expected = CASES[name]

    assert decide(lane, disk, running, now, host=HOST) == expected


def test_without_a_lane_what_died_is_mended() -> None:
    """S3 away: what runs keeps running, whatever that takes."""
    disk = Disk(memory=DONE, kept=BOTH)

    assert otherwise(disk, Running(whole=False), 0.0) == (Mend(runs=RUNS_NEW),)
    assert otherwise(disk, NEW_RUNS, 0.0) == ()


def test_slots_fill_the_spread_evenly_and_anew_for_each_token() -> None:
    """1,000 hosts: each tenth of the spread has about a tenth of them; the first of one token are not the first of the next."""
    hosts = [Host(name=f"ip-10-0-{number // 250}-{number % 250}", spread=60.0) for number in range(1000)]
    first, second = ([slot(token(number), host) for host in hosts] for number in (1, 2))

    tenths = [sum(1 for each in first if tenth * 6 <= each < tenth * 6 + 6) for tenth in range(10)]
    early = [number for number in range(1000) if first[number] < 6 and second[number] < 6]

    assert min(tenths) > 70
    assert max(tenths) < 130
    assert len(early) < 30


tokens = st.builds(Token, epoch=st.integers(1, 2), counter=st.integers(0, 4))
commits = st.sampled_from([OLD, NEW])
slugs = st.sampled_from([OLD_SLUG, NEW_SLUG, NEXT_SLUG])
lanes = st.builds(
    Lane,
    environment=st.just("us"),
    token=tokens,
    pointer=st.none() | st.builds(Pointer, commit=commits, slug=slugs, position=st.integers(0, 9), token=tokens),
    halted=st.none() | st.just("no data"),
)
disks = st.builds(
    Disk,
    memory=st.builds(
        Memory,
        boot=st.just("b"),
        seen=tokens,
        token=st.none() | tokens,
        since=st.floats(0, 100),
        reached=st.lists(st.sampled_from(STATES), unique=True).map(tuple),
        runs=st.none() | st.builds(Runs, commit=commits, slug=slugs, token=tokens),
    ),
    kept=st.frozensets(slugs),
    following=st.none() | slugs,
    later=st.dictionaries(slugs, st.floats(0, 200)),
)
runnings = st.builds(Running, commits=st.frozensets(commits), whole=st.booleans())
moments = st.floats(0, 200)


@given(lanes, disks, runnings, moments)
def test_nothing_is_rolled_that_a_lane_does_not_want_now(lane: Lane, disk: Disk, running: Running, now: float) -> None:
    """Only the pointer, only when its token is remembered, only from the disk, never under a halt what does not run yet."""
    for action in decide(lane, disk, running, now, host=HOST):
        if isinstance(action, Roll):
            assert action.pointer == lane.pointer
            assert disk.memory.seen == lane.token >= action.pointer.token == disk.memory.token
            assert action.pointer.slug in disk.kept
            assert lane.halted is None or action.pointer.commit in running.commits


@given(lanes, disks, runnings, moments)
def test_a_lower_token_changes_nothing(lane: Lane, disk: Disk, running: Running, now: float) -> None:
    """Whatever else is true."""
    actions = decide(lane, disk, running, now, host=HOST)

    if lane.token < disk.memory.seen:
        assert isinstance(actions[0], Refuse)
        assert not any(isinstance(action, Roll | Notice) for action in actions)
        assert not any(isinstance(action, Fetch) and action.pointer is not None for action in actions)


@given(lanes, disks, runnings, moments)
def test_every_host_comes_to_rest(lane: Lane, disk: Disk, running: Running, now: float) -> None:
    """Carried out faithfully, actions end: in a few steps there is nothing left but waiting for a moment that comes."""
    for _ in range(8):
        actions = decide(lane, disk, running, now, host=HOST)
        disk, running = _done(actions, disk, running, now)
        waits = [action.until for action in actions if isinstance(action, Wait)]
        assert all(until > now for until in waits)
        now = max([now, *waits])

    left = decide(lane, disk, running, now, host=HOST)
    assert all(isinstance(action, Refuse) for action in left)
    if not left and lane.pointer is not None and lane.halted is None:
        rolled = disk.memory.runs is not None and disk.memory.runs.token == lane.pointer.token
        assert rolled or "failed" in disk.memory.reached


def _done(actions: tuple[Action, ...], disk: Disk, running: Running, now: float) -> tuple[Disk, Running]:
    """Return the world after the first action that does something, done as the daemon does it."""
    for action in actions:
        match action:
            case Notice():
                return replace(disk, later={}, memory=disk.memory.saw(action.lane, action.pointer, now)), running
            case Fetch():
                return replace(disk, kept=disk.kept | {action.slug}), running
            case Roll():
                pointer = action.pointer
                runs = Runs(commit=pointer.commit, slug=pointer.slug, token=pointer.token)
                memory = disk.memory.came("triggered").came("serving").serves(runs, now).came("complete")
                return replace(disk, memory=memory), Running(commits=frozenset({pointer.commit}))
            case Mend():
                return disk, Running(commits=frozenset({action.runs.commit}))
            case Refuse() | Wait():
                pass
    return disk, running
