"""What a group that is about to drain has of customers: their connections, counted in the kernel."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
ESTABLISHED = "01"


def connections(group: str, port: int) -> int:
    """Return how many connections to the port the processes of a group hold: with a request in flight, or kept alive.

    A process is the group's by ``SHIP_GROUP`` in its environment, whoever runs it.
    """
    mine = f"SHIP_GROUP={group}".encode()
    held: set[str] = set()
    established: set[str] = set()
    for process in PROC.iterdir():
        if not process.name.isdecimal():
            continue
        with suppress(OSError):  # it ended meanwhile
            if mine in (process / "environ").read_bytes().split(b"\0"):
                held |= _sockets(process)
                established |= _established(process, port)
    return len(held & established)


def _sockets(process: Path) -> set[str]:
    found = set()
    for one in (process / "fd").iterdir():
        with suppress(OSError):
            kind, _, inode = str(one.readlink()).partition(":")
            if kind == "socket":
                found.add(inode.strip("[]"))
    return found


def _established(process: Path, port: int) -> set[str]:
    rows = (line.split() for line in (process / "net/tcp").read_text().splitlines()[1:])
    return {row[9] for row in rows if row[3] == ESTABLISHED and int(row[1].rpartition(":")[2], 16) == port}
