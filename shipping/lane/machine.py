"""What may happen to a lane. Pure: who acts, when and under which id comes in with the act."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shipping.records.lane import ACTOR, KEPT, MAX_BYTES, REASON, Lock, Pointer, Transition

if TYPE_CHECKING:
    from shipping.records.lane import Kind, Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Somebody's intention. ``id`` is the same in every attempt at it; ``at`` is RFC 3339."""

    id: str
    at: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A release that a lane can be told to want."""

    commit: str
    slug: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """Refused: a human stopped this lane."""

    lock: Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Refused: the lane wants this release already, or a newer one."""

    pointer: Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class BelowFloor:
    """Refused: data was changed since, so that this release can no longer run on it."""

    floor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToDo:
    """Refused: the lane is so already."""

    why: str


Refusal = Locked | Superseded | BelowFloor | NothingToDo


def flip(lane: Lane, wanted: Wanted, act: Act) -> Lane | Refusal:
    """Want a newer release: what a deploy does. A locked lane, an older release and one below the floor are refused."""
    if lane.lock is not None:
        return Locked(lock=lane.lock)
    if lane.pointer is not None and wanted.position <= lane.pointer.position:
        return Superseded(pointer=lane.pointer)
    if wanted.position < lane.floor:
        return BelowFloor(floor=lane.floor)
    return _moved(lane, "flip", act, _pointed(lane, wanted))


def roll_back(lane: Lane, wanted: Wanted, act: Act) -> Lane | Refusal:
    """Want another release and lock, in one write. A lock that is there stays as it is: it is somebody's."""
    if wanted.position < lane.floor:
        return BelowFloor(floor=lane.floor)
    if lane.pointer is not None and lane.pointer.commit == wanted.commit and lane.lock is not None:
        return NothingToDo(why=f"{wanted.commit[:12]} is wanted already, and the lane is locked")
    taken = lane.lock or _lock(act)
    return _moved(lane, "rollback", act, replace(_pointed(lane, wanted), lock=taken))


def lock(lane: Lane, act: Act) -> Lane | Refusal:
    """Stop deploys. Whoever locks a locked lane is told by whom it is, and changes nothing."""
    if lane.lock is not None:
        return Locked(lock=lane.lock)
    return _moved(lane, "lock", act, replace(lane, lock=_lock(act)))


def unlock(lane: Lane, act: Act) -> Lane | Refusal:
    """Let deploys go on."""
    if lane.lock is None:
        return NothingToDo(why="the lane is not locked")
    return _moved(lane, "unlock", act, replace(lane, lock=None))


def halt(lane: Lane, act: Act) -> Lane | Refusal:
    """Keep hosts from taking what they do not run yet, until `resume` or another pointer."""
    if lane.halted is not None:
        return NothingToDo(why=f"the ramp is halted already: {lane.halted}")
    return _moved(lane, "halt", act, replace(lane, halted=shortened(act.reason)))


def resume(lane: Lane, act: Act) -> Lane | Refusal:
    """Let hosts take the wanted release again."""
    if lane.halted is None:
        return NothingToDo(why="the ramp is not halted")
    return _moved(lane, "resume", act, replace(lane, halted=None))


def raise_floor(lane: Lane, position: int) -> Lane:
    """Return the lane with its floor at ``position`` at least; part of the flip that made it so, no transition of its own."""
    return replace(lane, floor=max(lane.floor, position))


def _pointed(lane: Lane, wanted: Wanted) -> Lane:
    """Point the lane at a release. Another pointer ends a halt: that was the former one's."""
    pointer = Pointer(commit=wanted.commit, slug=wanted.slug, position=wanted.position, token=lane.token.next())
    return replace(lane, pointer=pointer, halted=None)


def _lock(act: Act) -> Lock:
    return Lock(who=act.actor[:ACTOR], why=shortened(act.reason), since=act.at)


def _moved(before: Lane, kind: Kind, act: Act, after: Lane) -> Lane:
    """Return ``after`` with the next token and the transition that led to it."""
    token = before.token.next()
    done = Transition(
        id=act.id,
        token=token,
        kind=kind,
        at=act.at,
        actor=act.actor[:ACTOR],
        reason=shortened(act.reason),
        commit=None if after.pointer is None else after.pointer.commit,
    )
    lane = replace(after, token=token, transitions=(*before.transitions, done)[-KEPT:])
    while len(lane.encode()) > MAX_BYTES and len(lane.transitions) > 1:
        lane = replace(lane, transitions=lane.transitions[1:])
    return lane


def shortened(text: str) -> str:
    """Return a person's words on one line, cut to what a lane has room for."""
    words = " ".join(text.split())
    return words if len(words) <= REASON else f"{words[: REASON - 3]}..."
