"""What a host runs now, by its own notes: true at once, whether its daemon lives or not."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline_gen.clock import rfc3339
from pipeline_gen.errors import ShipError
from shipping.host import memory
from shipping.host.folders import read_note
from shipping.host.group_keeper import KEEPER, LOG
from shipping.host.running import BOOT_ID
from shipping.local.hosts.ending import RUN
from shipping.processes import keeper

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningGroup:
    """One process group. ``phase`` is starting, serving, draining, or ended; ``log`` what it prints to."""

    id: str
    process: str
    commit: str
    phase: str
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """``commit`` serves since ``since``; None: nothing yet. ``roll`` is the last state of the last roll, ``why`` it failed."""

    commit: str | None = None
    since: str | None = None
    roll: str | None = None
    why: str = ""
    groups: tuple[RunningGroup, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "groups": [asdict(group) for group in self.groups]}


def running(srv: Path) -> Running:
    """Return what the host whose daemon has this folder runs. Notes that cannot be read are told as the reason."""
    groups = _groups(srv / RUN / "groups")
    try:
        found = memory.load(srv / "memory.json", boot=BOOT_ID.read_text().strip())
    except ShipError as error:
        return Running(why=error.message, groups=groups)
    since = None
    if found.runs is not None:
        # The daemon counts by the machine's own clock.
        since = datetime.now(UTC) - timedelta(seconds=time.monotonic() - found.running_since)
    return Running(
        commit=None if found.runs is None else found.runs.commit,
        since=None if since is None else rfc3339(since),
        roll=found.reached[-1] if found.reached else None,
        why=found.why,
        groups=groups,
    )


def _groups(folder: Path) -> tuple[RunningGroup, ...]:
    """Return the groups, oldest first. Looked at without their locks: nobody is to wait for one who only looks."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            note, phase = read_note(path / "group.json"), read_note(path / "phase.json")
            if note is None:
                continue
            commit = str(note["release"]).rpartition("/")[2].partition("-")[0]
            state = str((phase or {"phase": "starting"})["phase"]) if _lives(path) else "ended"
            one = RunningGroup(
                id=path.name, process=str(note["process"]), commit=commit, phase=state, log=str(path / LOG)
            )
            found.append((int(note["made"]), one))
        except (OSError, ValueError, KeyError):
            continue  # taken away while we looked
    return tuple(one for _, one in sorted(found, key=lambda each: (each[0], each[1].id)))


def _lives(folder: Path) -> bool:
    note = read_note(folder / KEEPER)
    if note is None:
        return False
    found = keeper.process_start(int(note["pid"]))
    return found is not None and found[1] == note["start"]
