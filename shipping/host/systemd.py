"""The driver of machines that systemd runs: each group a service in a cgroup of its own, each port a socket unit's.

systemd owns the sockets, ends what is told to finish, and knows what lives and how it ended. Whatever is started is a unit that
has a folder here, and every unit without one is ended: a start that a dead daemon left on its way finds no folder.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from pipeline_gen.errors import InfraError, Refused
from shipping.host import kept, logs, sockets, units
from shipping.host.driver import Transition, unheard
from shipping.host.folders import GONE, make_folder, put_away, sweep, write_secret
from shipping.host.noted import SYSTEMD, Noted, address_of, environment
from shipping.host.systemctl import Systemctl
from shipping.host.units import path as unit_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shipping.host.driver import Reached
    from shipping.host.group import Group
    from shipping.host.rolls import Release
    from shipping.records.process import ProcessType

UNITS = Path("/run/systemd/system")
"""Units of this boot: after the next one nothing runs, and the daemon writes them anew."""
BOOT = "boot"
BOOT_SECONDS = 60.0
TRIES = 3
ENDED = {"inactive", "failed"}
OWN_FAILURES = range(200, 246)
"""Exit statuses with which systemd itself ends what it could not start: no such user, no right to the log."""
NEVER = {"", "0"}
KILLED = {"2", "3"}  # by a signal, with or without a core: CLD_KILLED and CLD_DUMPED


class Systemd:
    """Runs process groups on this host. ``name`` begins the names of its units, ``user`` is whom groups run as.

    ``addresses`` and ``env`` are as for the built-in driver, ``units`` and ``systemctl`` where systemd is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        user: str,
        addresses: Mapping[str, tuple[str, int]],
        env: Mapping[str, str],
        units: Path = UNITS,
        systemctl: tuple[str, ...] = ("systemctl",),
        reached: Reached = unheard,
    ) -> None:
        unit_path(folder)
        self._noted = Noted(folder, driver=SYSTEMD)
        self._name = name
        self._user = user
        self._addresses = addresses
        self._env = dict(env)
        self._systemd = Systemctl(units=units, command=systemctl)
        self._reached = reached

    def __enter__(self) -> Self:
        self._noted.open()
        for gone in self._noted.groups.glob(f"{GONE}*"):
            self._drop(gone.name.removeprefix(GONE))
        booting = self._noted.folder / BOOT
        for left in booting.glob(f"{GONE}*"):
            self._drop(f"{left.name.removeprefix(GONE)}@{BOOT}")
        sweep(booting)
        for left in booting.glob("*"):
            self._end_boot(left.name)
        sweep(self._noted.folder)
        sweep(self._noted.groups)
        return self

    def __exit__(self, *_raised: object) -> None:
        """Let go of the folder; groups and sockets are systemd's."""
        self._noted.close()

    def groups(self) -> tuple[Group, ...]:
        ids = self._noted.ids()
        said = self._systemd.show([self._service(one) for one in ids])
        living = {one for one in ids if said[self._service(one)]["ActiveState"] not in ENDED}
        for one in living:
            logs.bound(self._noted.groups / one)
        return self._noted.all(lambda name: name in living)

    def start(self, release: Release, process: ProcessType, slot: int) -> Group:
        if process.ready:
            self._hold(process.name)
        for _ in range(TRIES):
            name = f"{process.name}@{slot}-{uuid4().hex[:12]}"
            port = _free_port() if process.ready else None
            group = self._noted.make(name, release, process, slot, port=port)
            self._reached(Transition.GROUP_NOTED, name)
            self._write(name, self._noted.groups / name, release, process, process.command, port=port)
            why = self._systemd.do("start", self._service(name))
            if not why or self._ran(name):
                self._reached(Transition.GROUP_STARTED, name)
                return group
            taken = port is not None and self._said(self._socket(name))["ActiveState"] == "failed"
            self._forget(name)
            if not taken:
                break  # else somebody took the port since we looked
        raise InfraError(f"could not start {process.name!r}: {why}")

    def promote(self, group: Group) -> None:
        self._noted.promote(group)
        self._reached(Transition.GROUP_SERVING, group.id)

    def drain(self, group: Group, successor: str) -> None:
        if group.phase != "draining":
            self._noted.drain(group, successor)
            self._reached(Transition.DRAIN_NOTED, group.id)
        # What is being stopped is not told again.
        if not self._systemd.do("stop", "--no-block", self._service(group.id)):
            self._reached(Transition.DRAIN_ASKED, group.id)

    def forget(self, group: Group) -> None:
        self._reached(Transition.GROUP_GONE, group.id)
        self._forget(group.id)
        self._reached(Transition.GROUP_FORGOTTEN, group.id)

    def tail(self, group: Group) -> str:
        return self._noted.tail(group)

    def ended(self, group: Group) -> str:
        return self._how(group.id)

    def current(self) -> Release | None:
        return self._noted.current()

    def set_current(self, release: Release) -> None:
        self._noted.set_current(release)
        self._reached(Transition.RELEASE_CURRENT, release.commit)

    def boot(self, release: Release, process: ProcessType) -> None:
        """Run the type's boot check as its groups run: as their user, in a cgroup of its own."""
        if not process.boot:
            return
        name, folder = f"{process.name}@{BOOT}", self._noted.folder / BOOT / process.name
        make_folder(folder, {units.GROUP_NOTE: {}})
        try:
            self._write(name, folder, release, process, process.boot)
            why = self._systemd.do("start", self._service(name))
            if why and not self._ran(name):
                raise InfraError(f"could not start the boot check of {process.name!r}: {why}")
            if why:
                how = self._how(name)
                raise Refused(
                    f"cannot boot {process.name!r} of {release.commit!r}: {how}\n{logs.tail(folder)}".rstrip()
                )
        finally:
            self._end_boot(process.name)

    def stop(self) -> None:
        """Kill all groups and close the sockets: the host goes out of service."""
        for group in self.groups():
            self._systemd.do("kill", "--signal=KILL", self._service(group.id))
            self._forget(group.id)
        for name in self._addresses:
            self._systemd.drop(f"{self._name}:{name}.service", f"{self._name}:{name}.socket")

    def _service(self, name: str) -> str:
        return f"{self._name}:{name}.service"

    def _socket(self, name: str) -> str:
        return f"{self._name}:{name}.socket"

    def _said(self, unit: str) -> Mapping[str, str]:
        return self._systemd.show([unit])[unit]

    def _write(
        self,
        name: str,
        folder: Path,
        release: Release,
        process: ProcessType,
        command: Sequence[str],
        *,
        port: int | None = None,
    ) -> None:
        """Write what systemd needs to run the command as one group: its environment, its socket, its service."""
        env = environment(self._env, release, process, name)
        write_secret(folder / units.ENVIRONMENT, units.environment_file(env))
        wanted = "-" if port is None else ":".join(sockets.NAMES)
        run = units.Run(
            name=self._name,
            group=name,
            process=process.name,
            description=f"{self._name} {name} of {release.commit}",
            folder=folder,
            program=(*kept.program("take_sockets"), str(release.folder), wanted, ",".join(env), "--", *command),
            user=self._user,
            stop=process.drain,
            start=BOOT_SECONDS if command is process.boot else None,
            sockets=port is not None,
        )
        if port is not None:
            self._systemd.write(self._socket(name), units.private_socket(name=self._name, group=name, port=port))
        self._systemd.write(self._service(name), units.service(run))

    def _hold(self, name: str) -> None:
        """Have systemd own the type's port, where it does not yet."""
        address = address_of(self._addresses, name)
        both = [self._socket(name), self._service(name)]
        if all(said["ActiveState"] == "active" for said in self._systemd.show(both).values()):
            return
        self._systemd.write(both[0], units.shared_socket(name=self._name, process=name, address=address))
        self._systemd.write(both[1], units.holder(name=self._name, process=name))
        if self._said(both[0])["ActiveState"] != "active":
            self._systemd.do("stop", both[1])  # beside a running service systemd starts no socket
        for unit in both:
            if why := self._systemd.do("start", unit):
                host, port = address
                raise InfraError(f"could not listen on '{host}:{port}' for {name!r}: {why}")
        self._reached(Transition.SOCKET_HELD, name)

    def _ran(self, name: str) -> bool:
        """Tell whether what could not be started did run, and was only over too soon to be seen."""
        said = self._said(self._service(name))
        return said["ExecMainCode"] not in NEVER and int(said["ExecMainStatus"]) not in OWN_FAILURES

    def _how(self, name: str) -> str:
        """Say how it ended. systemd does not remember it of what ended well: by 0, or by a signal that asks to end."""
        said = self._said(self._service(name))
        if said["LoadState"] != "loaded":
            return "killed"
        return f"{'signal' if said['ExecMainCode'] in KILLED else 'exit status'} {said['ExecMainStatus']}"

    def _forget(self, name: str) -> None:
        """End what is left of a group. Without its folder nobody can start it any more."""
        gone = put_away(self._noted.groups / name)
        self._drop(name)
        shutil.rmtree(gone, ignore_errors=True)

    def _end_boot(self, process: str) -> None:
        gone = put_away(self._noted.folder / BOOT / process)
        self._drop(f"{process}@{BOOT}")
        shutil.rmtree(gone, ignore_errors=True)

    def _drop(self, name: str) -> None:
        self._systemd.drop(self._service(name), self._socket(name))


def _free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return int(asking.getsockname()[1])
