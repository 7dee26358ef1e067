"""Where a host lies, and what it is given: the file its daemon reads, the ports where its processes take requests.

STATE/hosts/APP/REGION/HOST: host.toml, keys, store (which object store it has followed) and the daemon's own folder `srv`.
STATE/ports.json: every port once chosen, so that a host has the same address in every run of the world.
"""

from __future__ import annotations

import json
import re
import socket
import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, UsageError
from shipping.host.folders import read_note, remove_folder, write_note
from shipping.local.hosts.ending import RUN, end

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from shipping.local.hosts.roster import Host

LOOPBACK = "127.0.0.1"
# Below the ports that the kernel gives to connections by itself: a host may listen for the first time long after its port
# was chosen, and somebody's connection must not have taken it meanwhile.
FIRST_PORT, LAST_PORT = 20000, 32000
POLL = 1.0
"""Seconds between two reads of the lane, as often as local agents ask for work."""
VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One host's folder."""

    state: Path
    host: Host

    @property
    def folder(self) -> Path:
        return self.state / "hosts" / self.host.app / self.host.region / self.host.name

    @property
    def configuration(self) -> Path:
        return self.folder / "host.toml"

    @property
    def srv(self) -> Path:
        """The daemon's own folder."""
        return self.folder / "srv"

    def prepare(self, addresses: Mapping[str, str], env: Mapping[str, str], *, store: str) -> None:
        """Write what the daemon reads. ``store`` names the object store: one that the host does not know finds it new.

        What lies in another store's lanes means nothing here: a host that remembered their tokens would refuse this one's.
        Raises InfraError.
        """
        followed = sha256(store.encode()).hexdigest()[:16]
        try:
            if self.folder.exists() and (read_note(self.folder / "store.json") or {}).get("store") != followed:
                end(self.srv / RUN)
                remove_folder(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_note(self.folder / "store.json", {"store": followed})
            (self.folder / "keys").write_text("".join(f"{line}\n" for line in self.host.trusted))
            self.configuration.touch(mode=0o600)  # what processes get may be secret
            self.configuration.write_text(self._written(addresses, env))
        except OSError as error:
            raise InfraError(f"could not keep a host in {str(self.folder)!r}: {error.strerror}") from error

    def _written(self, addresses: Mapping[str, str], env: Mapping[str, str]) -> str:
        host = self.host
        facts = {
            "app": host.app,
            "environment": host.region,
            "bucket": host.bucket,
            "folder": str(self.srv),
            "host": host.name,
            "spread": host.spread,
            "poll": POLL,
            **({"keys": str(self.folder / "keys")} if host.trusted else {}),
        }
        return "\n".join([*_table(facts), "", "[listen]", *_table(addresses), "", "[env]", *_table(env), ""])


def addresses(state: Path, hosts: Iterable[Host]) -> dict[str, dict[str, str]]:
    """Return where each process type of each host (by its id) listens; ports that are not chosen yet are chosen now.

    Raises InfraError where no port is free.
    """
    file = state / "ports.json"
    kept: dict[str, int] = dict(read_note(file) or {})
    found: dict[str, dict[str, str]] = {}
    for host in hosts:
        for process in host.listens:
            name = f"{host.id}/{process}"
            if name not in kept or not _is_free(kept[name]):
                kept[name] = _free(f"{state} {name}", taken=set(kept.values()))
            found.setdefault(host.id, {})[process] = f"{LOOPBACK}:{kept[name]}"
    write_note(file, kept)
    return found


def read_env(file: Path) -> dict[str, str]:
    """Read a file of NAME=VALUE lines; empty ones and those that begin with # are not read. Raises UsageError."""
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the variables in {str(file)!r}: {error}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        match = VARIABLE.fullmatch(line)
        if match and not match["name"].startswith("SHIP_"):
            found[match["name"]] = match["value"]
        elif line and not line.startswith("#"):
            # Not the line itself: it may hold a secret.
            raise UsageError(
                f"cannot read line {number} of {str(file)!r}", hint="write NAME=VALUE, and no name with SHIP_"
            )
    return found


def _table(facts: Mapping[str, object]) -> list[str]:
    """Return the lines of a TOML table: JSON's texts and numbers are TOML's too, but for one character."""
    return [
        f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f") for key, value in facts.items()
    ]


def _free(name: str, *, taken: set[int]) -> int:
    """Return a port that nobody has; where the search begins depends on the name, so that two worlds seldom meet."""
    many = LAST_PORT - FIRST_PORT
    begin = zlib.crc32(name.encode()) % many
    for step in range(many):
        port = FIRST_PORT + (begin + step) % many
        if port not in taken and _is_free(port):
            return port
    raise InfraError(f"could not find a free port from {FIRST_PORT} to {LAST_PORT}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
