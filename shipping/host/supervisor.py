"""The built-in driver: each group under a keeper of its own that outlives us, each listening socket with a holder.

FOLDER/lock: one supervisor at a time. FOLDER/groups/ID: group.json, phase.json, and what its keeper writes.
FOLDER/sockets/TYPE: the holder of a type's listening socket. FOLDER/current.json: the last release rolled out completely.
Nothing is remembered between two calls but the listening sockets: the folder and the locks in it say what is there.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from pipeline_gen.errors import InfraError, Refused, UsageError
from shipping.host import kept, sockets
from shipping.host.driver import Transition, unheard
from shipping.host.folders import UNFINISHED, make_folder, read_note, sweep, write_note
from shipping.host.group import Group, name_of, read_release, write_release
from shipping.host.group_keeper import ENDED, LOG
from shipping.processes import ProcessTree, Watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from shipping.host.driver import Reached
    from shipping.host.rolls import Release
    from shipping.records.process import ProcessType

TAIL_BYTES = 8192
BOOT_SECONDS = 60.0


class Supervisor:
    """Runs process groups on this host. ``addresses``: host and port on which each type with `ready` listens.

    ``env`` is all that groups get, besides ``SHIP_*``: nothing of our own environment reaches them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        addresses: Mapping[str, tuple[str, int]],
        env: Mapping[str, str],
        reached: Reached = unheard,
    ) -> None:
        if sys.platform != "linux":
            raise UsageError(f"cannot run process groups on {sys.platform!r}: hosts are Linux machines")
        self._folder = folder
        self._groups = folder / "groups"
        self._addresses = addresses
        self._env = dict(env)
        self._reached = reached
        self._shared: dict[str, socket.socket] = {}
        self._lock = -1

    def __enter__(self) -> Self:
        self._groups.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._folder / "sockets").mkdir(exist_ok=True, mode=0o700)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise InfraError(f"could not supervise {str(self._folder)!r}: another supervisor does") from error
        sweep(self._folder)
        sweep(self._groups)
        sweep(self._folder / "sockets")
        return self

    def __exit__(self, *_raised: object) -> None:
        """Let go of everything; groups and holders run on."""
        while self._shared:
            self._shared.popitem()[1].close()
        os.close(self._lock)

    def groups(self) -> tuple[Group, ...]:
        found = [(note["made"], self._read(path, note)) for path, note in self._notes()]
        return tuple(group for _, group in sorted(found, key=lambda one: (one[0], one[1].id)))

    def start(self, release: Release, process: ProcessType, slot: int) -> Group:
        name = f"{process.name}-{slot}-{uuid4().hex[:12]}"
        folder = self._groups / name
        private = sockets.listen("127.0.0.1", 0) if process.ready else None
        try:
            port = private.getsockname()[1] if private else None
            note = {
                "process": process.name,
                "slot": slot,
                "release": name_of(release),
                "port": port,
                "made": time.time_ns(),
            }
            shared = self._socket(process.name) if process.ready else None
            make_folder(folder, {"group.json": note})
            self._reached(Transition.GROUP_NOTED, name)
            kept.keep(
                folder, (shared, private), process, cwd=release.folder, env=self._environment(release, process, name)
            )
        finally:
            if private:
                private.close()
        self._reached(Transition.GROUP_STARTED, name)
        return Group(id=name, process=process.name, slot=slot, release=name_of(release), port=port)

    def promote(self, group: Group) -> None:
        write_note(self._groups / group.id / "phase.json", {"phase": "serving"})
        self._reached(Transition.GROUP_SERVING, group.id)

    def drain(self, group: Group, successor: str) -> None:
        if group.phase != "draining":
            write_note(self._groups / group.id / "phase.json", {"phase": "draining", "successor": successor})
            self._reached(Transition.DRAIN_NOTED, group.id)
        if kept.tell(self._groups / group.id, signal.SIGTERM):
            self._reached(Transition.DRAIN_ASKED, group.id)

    def forget(self, group: Group) -> None:
        folder = self._groups / group.id
        self._reached(Transition.GROUP_GONE, group.id)
        if kept.give_up(folder):
            self._reached(Transition.GROUP_FORGOTTEN, group.id)

    def tail(self, group: Group) -> str:
        return _tail(self._groups / group.id / LOG)

    def ended(self, group: Group) -> str:
        note = read_note(self._groups / group.id / ENDED)
        code = note["code"] if note else None
        if code is None:
            return "killed"
        return f"exit status {code}" if code >= 0 else f"signal {-code}"

    def current(self) -> Release | None:
        note = read_note(self._folder / "current.json")
        return read_release(note) if note else None

    def set_current(self, release: Release) -> None:
        write_note(self._folder / "current.json", write_release(release))
        self._reached(Transition.RELEASE_CURRENT, release.commit)

    def boot(self, release: Release, process: ProcessType) -> None:
        if not process.boot:
            return
        lines: list[str] = []
        env = self._environment(release, process, "boot")
        with (
            tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=self._folder) as folder,
            ProcessTree(folder=Path(folder)) as tree,
        ):
            watch = Watch(seconds=BOOT_SECONDS)
            ended = tree.run(process.boot, cwd=release.folder, env=env, output=lines.append, watch=watch)
        if ended.cause != "exit" or ended.code != 0:
            how = f"exit status {ended.code}" if ended.cause == "exit" else ended.message or ended.cause
            raise Refused(
                f"cannot boot {process.name!r} of {release.commit!r}: {how}\n{ended.tail[-TAIL_BYTES:]}".rstrip()
            )

    def stop(self) -> None:
        """Kill all groups and close the sockets: the host goes out of service."""
        for group in self.groups():
            kept.kill(self._groups / group.id)
            self.forget(group)
        for holder in (self._folder / "sockets").iterdir():
            kept.kill(holder)
            kept.give_up(holder)
        while self._shared:
            self._shared.popitem()[1].close()

    def _notes(self) -> list[tuple[Path, dict[str, object]]]:
        found = [(path, read_note(path / "group.json")) for path in self._groups.iterdir()]
        return [(path, note) for path, note in found if note is not None]

    def _read(self, path: Path, note: Mapping[str, object]) -> Group:
        said = read_note(path / "phase.json") or {"phase": "starting"}
        return Group(
            id=path.name,
            process=str(note["process"]),
            slot=int(str(note["slot"])),
            release=str(note["release"]),
            phase=said["phase"],
            alive=kept.held(path),
            successor=said.get("successor"),
            port=None if note["port"] is None else int(str(note["port"])),
        )

    def _environment(self, release: Release, process: ProcessType, group: str) -> dict[str, str]:
        return {
            **self._env,
            "SHIP_COMMIT": release.commit,
            "SHIP_PROCESS": process.name,
            "SHIP_GROUP": group,
            "SHIP_DRAIN": f"{process.drain:g}",
            **({"SHIP_READY": process.ready} if process.ready else {}),
        }

    def _socket(self, name: str) -> socket.socket:
        """Return the type's listening socket: ours, its holder's, a living group's; a new one only where nobody has it."""
        holder = self._folder / "sockets" / name
        if name not in self._shared:
            if name not in self._addresses:
                raise UsageError(
                    f"cannot start {name!r}: this host has no address for it", hint=f"sockets: {{{name}: ...}}"
                )
            places = [holder, *(self._groups / one.id for one in self.groups() if one.process == name and one.alive)]
            taken = next((one for one in map(sockets.take, places) if one is not None), None)
            self._shared[name] = taken or self._bind(name)
        if not kept.held(holder):
            if holder.exists():
                kept.give_up(holder)
            make_folder(holder, {})
            kept.keep(holder, (self._shared[name], None), None, cwd=self._folder, env=self._env)
            self._reached(Transition.SOCKET_HELD, name)
        return self._shared[name]

    def _bind(self, name: str) -> socket.socket:
        host, port = self._addresses[name]
        try:
            return sockets.listen(host, port)
        except OSError as error:
            raise InfraError(f"could not listen on '{host}:{port}' for {name!r}: {error.strerror}") from error


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as printed:
            printed.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return printed.read().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""
