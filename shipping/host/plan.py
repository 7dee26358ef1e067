"""Pure: from what is wanted and the groups that are there, the next step of a roll. It remembers nothing.

Whoever is killed at any step and looks again finds the step that is due: the groups themselves say how far a roll is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.host.group import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.host.group import Group
    from shipping.host.rolls import Release
    from shipping.records.process import ProcessType

GENERATIONS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start a group of this type in this slot."""

    process: ProcessType
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Await:
    """Wait until the group is ready."""

    group: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Tell the group to finish its work and end."""

    group: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Wait until the group that drains is gone."""

    group: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Take away what is left of a group that ended."""

    group: Group


Step = Start | Await | Drain | Finish | Forget


def next_step(wanted: Release, groups: Sequence[Group]) -> Step | None:
    """Return what is due next, None when the wanted release is all that runs."""
    for group in groups:
        if not group.alive:
            return Forget(group=group)
    for group in groups:
        if group.phase == "starting":
            # Of another release: it may have taken requests already, so it is drained like one that serves.
            return Await(group=group) if group.release == name_of(wanted) else Drain(group=group)
    return _replace(wanted, groups) or _reduce(wanted, groups)


def _replace(wanted: Release, groups: Sequence[Group]) -> Step | None:
    for process in wanted.processes:
        for slot in range(process.count):
            inside = [one for one in groups if one.place == (process.name, slot) and one.phase == "serving"]
            old = [one for one in inside if one.release != name_of(wanted)]
            if len(old) < len(inside):
                if old:
                    return Drain(group=old[0])
            elif old and process.order == "stop-first":
                return Drain(group=old[0])
            else:
                return _hindrance(wanted, process, groups) or Start(process=process, slot=slot)
    return None


def _hindrance(wanted: Release, process: ProcessType, groups: Sequence[Group]) -> Step | None:
    """Return the drain that a start waits for: one extra group at a time, two generations of drains at most."""
    draining = [one for one in groups if one.phase == "draining" and one.process == process.name]
    own = [one for one in draining if one.successor == name_of(wanted)]
    if own or (draining and process.order == "stop-first"):
        return Finish(group=(own or draining)[0])
    return Finish(group=draining[0]) if len({one.successor for one in draining}) >= GENERATIONS else None


def _reduce(wanted: Release, groups: Sequence[Group]) -> Step | None:
    """Return the drain of a group that the wanted release has no place for, or the wait for a drain."""
    places = {(process.name, slot) for process in wanted.processes for slot in range(process.count)}
    seen: set[tuple[str, int]] = set()
    for group in groups:
        if group.phase == "serving" and (group.place not in places or group.place in seen):
            return Drain(group=group)
        if group.phase == "serving":
            seen.add(group.place)
    return next((Finish(group=one) for one in groups if one.phase == "draining"), None)
