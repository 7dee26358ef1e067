"""What drivers write down of the groups of a host, whoever runs them.

FOLDER/lock: one driver at a time. FOLDER/driver.json: which one the groups here are of. FOLDER/groups/ID: group.json,
phase.json, and what a group prints. FOLDER/current.json: the last release rolled out completely.
Nothing is remembered between two calls: what is in the folder and what runs say how far a roll is.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, UsageError
from shipping.host import logs
from shipping.host.folders import make_folder, read_note, write_note
from shipping.host.group import Group, name_of, read_release, write_release

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shipping.host.rolls import Release
    from shipping.records.process import ProcessType

BUILT_IN = "built-in"
SYSTEMD = "systemd"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Noted:
    """The notes of one host. ``driver`` is who runs what they tell of."""

    def __init__(self, folder: Path, *, driver: str) -> None:
        if sys.platform != "linux":
            raise UsageError(f"cannot run process groups on {sys.platform!r}: hosts are Linux machines")
        self.folder = folder
        self.groups = folder / "groups"
        self._driver = driver
        self._lock = -1

    def open(self) -> None:
        """Hold the folder. Raises InfraError where somebody else does, UsageError where another driver's groups may run."""
        self.groups.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InfraError(f"could not supervise {str(self.folder)!r}: another supervisor does") from error
            self._take_over()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self._lock)

    def _take_over(self) -> None:
        """Write down whose groups are here. Groups end with the boot of the machine that they were started in."""
        boot = BOOT_ID.read_text().strip()
        note = read_note(self.folder / "driver.json") or {"driver": BUILT_IN, "boot": boot}
        if note["driver"] != self._driver and note["boot"] == boot and any(self.groups.iterdir()):
            raise UsageError(
                f"cannot use the driver {self._driver!r} in {str(self.folder)!r}: groups of {note['driver']!r} are there",
                hint=f'driver = "{note["driver"]}", or take the host out of service and start the machine again',
            )
        write_note(self.folder / "driver.json", {"driver": self._driver, "boot": boot})

    def all(self, alive: Callable[[str], bool]) -> tuple[Group, ...]:
        """Return all groups, oldest first. ``alive`` is asked of each id."""
        noted = [(path.name, read_note(path / "group.json")) for path in self.groups.iterdir()]
        found = [(note["made"], self._read(name, note, alive=alive(name))) for name, note in noted if note is not None]
        return tuple(group for _, group in sorted(found, key=lambda one: (one[0], one[1].id)))

    def ids(self) -> list[str]:
        """Return the ids of all groups."""
        return [path.name for path in self.groups.iterdir() if (path / "group.json").exists()]

    def make(self, name: str, release: Release, process: ProcessType, slot: int, *, port: int | None) -> Group:
        """Write down a group that is about to be started."""
        note = {
            "process": process.name,
            "slot": slot,
            "release": name_of(release),
            "port": port,
            "made": time.time_ns(),
        }
        make_folder(self.groups / name, {"group.json": note})
        return Group(id=name, process=process.name, slot=slot, release=name_of(release), port=port)

    def promote(self, group: Group) -> None:
        write_note(self.groups / group.id / "phase.json", {"phase": "serving"})

    def drain(self, group: Group, successor: str) -> None:
        write_note(self.groups / group.id / "phase.json", {"phase": "draining", "successor": successor})

    def tail(self, group: Group) -> str:
        """Return the end of what it printed."""
        return logs.tail(self.groups / group.id)

    def current(self) -> Release | None:
        note = read_note(self.folder / "current.json")
        return read_release(note) if note else None

    def set_current(self, release: Release) -> None:
        write_note(self.folder / "current.json", write_release(release))

    def _read(self, name: str, note: Mapping[str, object], *, alive: bool) -> Group:
        said = read_note(self.groups / name / "phase.json") or {"phase": "starting"}
        return Group(
            id=name,
            process=str(note["process"]),
            slot=int(str(note["slot"])),
            release=str(note["release"]),
            phase=said["phase"],
            alive=alive,
            successor=said.get("successor"),
            port=None if note["port"] is None else int(str(note["port"])),
        )


def environment(given: Mapping[str, str], release: Release, process: ProcessType, group: str) -> dict[str, str]:
    """Return all that a group gets: what the host's configuration gives, and what we say of the release."""
    return {
        **given,
        "SHIP_COMMIT": release.commit,
        "SHIP_PROCESS": process.name,
        "SHIP_GROUP": group,
        "SHIP_DRAIN": f"{process.drain:g}",
        **({"SHIP_READY": process.ready} if process.ready else {}),
    }


def address_of(addresses: Mapping[str, tuple[str, int]], name: str) -> tuple[str, int]:
    """Return where a type listens. Raises UsageError where the host's configuration does not say."""
    if name not in addresses:
        raise UsageError(
            f"cannot start {name!r}: this host has no address for it", hint=f'[listen] {name} = "ADDRESS:PORT"'
        )
    return addresses[name]
