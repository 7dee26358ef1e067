"""The built-in driver: each group under a keeper of its own that outlives us, each listening socket with a holder.

Beside what is noted of groups: FOLDER/groups/ID holds what a group's keeper writes, FOLDER/sockets/TYPE is the holder of a
type's listening socket.
Nothing is remembered between two calls but the listening sockets: the folder and the locks in it say what is there.
"""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from pipeline_gen.errors import InfraError, Refused
from shipping.host import kept, sockets
from shipping.host.driver import Transition, unheard
from shipping.host.folders import UNFINISHED, make_folder, read_note, sweep
from shipping.host.group_keeper import ENDED
from shipping.host.logs import TAIL_BYTES
from shipping.host.noted import BUILT_IN, Noted, address_of, environment
from shipping.processes import ProcessTree, Watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from shipping.host.driver import Reached
    from shipping.host.group import Group
    from shipping.host.rolls import Release
    from shipping.records.process import ProcessType

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
        self._noted = Noted(folder, driver=BUILT_IN)
        self._folder = folder
        self._groups = self._noted.groups
        self._addresses = addresses
        self._env = dict(env)
        self._reached = reached
        self._shared: dict[str, socket.socket] = {}

    def __enter__(self) -> Self:
        self._noted.open()
        (self._folder / "sockets").mkdir(exist_ok=True, mode=0o700)
        sweep(self._folder)
        sweep(self._groups)
        sweep(self._folder / "sockets")
        return self

    def __exit__(self, *_raised: object) -> None:
        """Let go of everything; groups and holders run on."""
        while self._shared:
            self._shared.popitem()[1].close()
        self._noted.close()

    def groups(self) -> tuple[Group, ...]:
        return self._noted.all(lambda name: kept.held(self._groups / name))

    def start(self, release: Release, process: ProcessType, slot: int) -> Group:
        name = f"{process.name}-{slot}-{uuid4().hex[:12]}"
        private = sockets.listen("127.0.0.1", 0) if process.ready else None
        try:
            port = private.getsockname()[1] if private else None
            shared = self._socket(process.name) if process.ready else None
            group = self._noted.make(name, release, process, slot, port=port)
            self._reached(Transition.GROUP_NOTED, name)
            env = environment(self._env, release, process, name)
            kept.keep(self._groups / name, (shared, private), process, cwd=release.folder, env=env)
        finally:
            if private:
                private.close()
        self._reached(Transition.GROUP_STARTED, name)
        return group

    def promote(self, group: Group) -> None:
        self._noted.promote(group)
        self._reached(Transition.GROUP_SERVING, group.id)

    def drain(self, group: Group, successor: str) -> None:
        if group.phase != "draining":
            self._noted.drain(group, successor)
            self._reached(Transition.DRAIN_NOTED, group.id)
        if kept.tell(self._groups / group.id, signal.SIGTERM):
            self._reached(Transition.DRAIN_ASKED, group.id)

    def forget(self, group: Group) -> None:
        folder = self._groups / group.id
        self._reached(Transition.GROUP_GONE, group.id)
        if kept.give_up(folder):
            self._reached(Transition.GROUP_FORGOTTEN, group.id)

    def tail(self, group: Group) -> str:
        return self._noted.tail(group)

    def ended(self, group: Group) -> str:
        note = read_note(self._groups / group.id / ENDED)
        code = note["code"] if note else None
        if code is None:
            return "killed"
        return f"exit status {code}" if code >= 0 else f"signal {-code}"

    def current(self) -> Release | None:
        return self._noted.current()

    def set_current(self, release: Release) -> None:
        self._noted.set_current(release)
        self._reached(Transition.RELEASE_CURRENT, release.commit)

    def boot(self, release: Release, process: ProcessType) -> None:
        if not process.boot:
            return
        lines: list[str] = []
        env = environment(self._env, release, process, "boot")
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

    def _socket(self, name: str) -> socket.socket:
        """Return the type's listening socket: ours, its holder's, a living group's; a new one only where nobody has it."""
        holder = self._folder / "sockets" / name
        if name not in self._shared:
            address_of(self._addresses, name)
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
        host, port = address_of(self._addresses, name)
        try:
            return sockets.listen(host, port)
        except OSError as error:
            raise InfraError(f"could not listen on '{host}:{port}' for {name!r}: {error.strerror}") from error
