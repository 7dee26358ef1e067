"""What a host does next. Pure: the lane as it was read, what lies on disk, what runs and the time come in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.host.memory import Memory
    from shipping.records.beacon import Runs
    from shipping.records.lane import Lane, Pointer, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """``spread``: the seconds within which the hosts of a fleet begin, each at its own moment."""

    name: str
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """``kept``: the slugs that are unpacked. ``following``: the one that will probably be wanted next.

    ``later``: slugs that could not be fetched or started, tokens of pointers that must not be followed, and the moment before
    which they are not tried again.
    """

    memory: Memory
    kept: frozenset[str] = frozenset()
    following: str | None = None
    later: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """``commits``: those that have a serving process here. ``whole``: what we remember is on disk, with all its groups."""

    commits: frozenset[str] = frozenset()
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Touch nothing: the lane cannot be meant."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Remember the lane's token, and begin with a pointer that was not seen yet."""

    lane: Token
    pointer: Token | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Bring a slug to this disk. ``pointer``: None for one that is only probably wanted."""

    slug: str
    pointer: Pointer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """Read the lane again; if it still wants this, replace what runs by it."""

    pointer: Pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """Start again what is missing of the release that serves. Nobody is told: it is no news of any token."""

    runs: Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing before this moment, unless the lane changes."""

    until: float


Action = Refuse | Notice | Fetch | Roll | Mend | Wait


def decide(lane: Lane, disk: Disk, running: Running, now: float, *, host: Host) -> tuple[Action, ...]:
    """Return what to do, in order. After each but a refusal and a wait the world is looked at anew."""
    why = _fence(lane, disk.memory)
    if why is not None:
        return (Refuse(why=why), *otherwise(disk, running, now))
    pointer = lane.pointer
    if lane.token != disk.memory.seen or (pointer is not None and pointer.token != disk.memory.token):
        return (Notice(lane=lane.token, pointer=None if pointer is None else pointer.token),)
    if pointer is None:
        return otherwise(disk, running, now)
    return _towards(pointer, lane, disk, running, now, host=host)


def _fence(lane: Lane, memory: Memory) -> str | None:
    """Return why a lane cannot be meant: it is older than one that this host saw, or contradicts itself."""
    pointer = lane.pointer
    if lane.token < memory.seen:
        return f"the lane's token {lane.token} is lower than {memory.seen}, which this host saw"
    if pointer is not None and lane.token < pointer.token:
        return f"the pointer's token {pointer.token} is higher than its lane's, {lane.token}"
    if pointer is not None and memory.token is not None and pointer.token < memory.token:
        return f"the pointer's token {pointer.token} is lower than {memory.token}, which this host saw"
    return None


def _towards(
    pointer: Pointer, lane: Lane, disk: Disk, running: Running, now: float, *, host: Host
) -> tuple[Action, ...]:
    if _is_done(disk.memory, pointer, running) or _is_halted(lane, pointer, disk, running):
        return otherwise(disk, running, now)
    moment = max(disk.later.get(one, now) for one in (pointer.slug, str(pointer.token)))
    if moment > now:
        return (Wait(until=moment), *otherwise(disk, running, now))
    if pointer.slug not in disk.kept:
        return (Fetch(slug=pointer.slug, pointer=pointer),)
    begin = now if _at_once(disk.memory, running) else disk.memory.since + slot(pointer.token, host)
    if begin <= now:
        return (Roll(pointer=pointer),)
    return (Wait(until=begin), *otherwise(disk, running, now))


def _is_done(memory: Memory, pointer: Pointer, running: Running) -> bool:
    """Tell whether this host is through with the pointer: it runs, or it failed while another release serves.

    Not again for the same token then: each attempt takes capacity from what serves.
    """
    runs = memory.runs is not None and memory.runs.token == pointer.token and "complete" in memory.reached
    return runs or ({"triggered", "failed"} <= set(memory.reached) and bool(running.commits))


def _is_halted(lane: Lane, pointer: Pointer, disk: Disk, running: Running) -> bool:
    """Tell whether a halt keeps this host from taking what it has fetched. A roll that has begun is finished."""
    return lane.halted is not None and pointer.slug in disk.kept and pointer.commit not in running.commits


def _at_once(memory: Memory, running: Running) -> bool:
    """Tell whether this host need not wait for its moment.

    Who serves nothing takes nothing away from anybody; who is between two releases should not stay there.
    """
    return len(running.commits) != 1 or "triggered" in memory.reached


def otherwise(disk: Disk, running: Running, now: float) -> tuple[Action, ...]:
    """Return what to do where nothing is to be rolled, a lane that cannot be read included: mend, then fetch beforehand."""
    runs, slug = disk.memory.runs, disk.following
    if runs is not None and not running.whole and disk.later.get(runs.slug, now) <= now:
        return (Mend(runs=runs),) if runs.slug in disk.kept else (Fetch(slug=runs.slug, pointer=None),)
    if slug is None or slug in disk.kept or disk.later.get(slug, now) > now:
        return ()
    return (Fetch(slug=slug, pointer=None),)


def slot(token: Token, host: Host) -> float:
    """Return the seconds after which a host begins with a token: the same for one host, a new order for each token."""
    digest = hashlib.sha256(f"{token}/{host.name}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 * host.spread
