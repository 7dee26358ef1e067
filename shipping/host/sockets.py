"""Listening sockets that never close: bound once per process type, then handed from process to process over Unix sockets.

A connection that waits in a listening socket's queue is lost when the last process that holds it goes. So it is held by a
program of its own, by every group, and by whoever asks here.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BACKLOG = 4096
SECONDS = 5.0
DOOR = "keeper.sock"
NAMES = ("shared", "private")
FIRST = 3  # of the sockets that are handed to a command, by systemd's convention
ABOVE = 10


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen. The next release's groups never bind it again, so no address is ever reused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it (as systemd's NoDelay=): a server that writes head and body apart is not delayed by 40 ms.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def place(given: Sequence[int]) -> dict[str, str]:
    """Put the shared and the private socket where a command looks for them, and return the variables that say so."""
    if not given:
        return {}
    lifted = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, ABOVE) for one in given]
    for number, one in enumerate(lifted):
        os.dup2(one, FIRST + number, inheritable=True)
    return {
        "LISTEN_FDS": str(len(given)),
        "LISTEN_PID": str(os.getpid()),
        "LISTEN_FDNAMES": ":".join(NAMES[: len(given)]),
    }


def open_door(folder: Path) -> socket.socket:
    """Listen at the folder's door, where `take` asks."""
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _short(folder) as path:
        door.bind(path)
    door.listen(8)
    return door


def hand_over(door: socket.socket, held: int) -> None:
    """Answer one who knocks with the listening socket."""
    visitor, _ = door.accept()
    with visitor:
        visitor.settimeout(SECONDS)
        rights = array.array("i", [held]).tobytes()
        visitor.sendmsg([b"1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def take(folder: Path) -> socket.socket | None:
    """Return the listening socket from whoever is behind the folder's door, None where nobody answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(SECONDS)
        try:
            with _short(folder) as path:
                asking.connect(path)
            _, rights, _, _ = asking.recvmsg(1, socket.CMSG_LEN(struct.calcsize("i")), socket.MSG_CMSG_CLOEXEC)
        except OSError:
            return None
    return socket.socket(fileno=struct.unpack("i", rights[0][2])[0]) if rights else None


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Name the folder's door in a few characters: an address may have 107, a host's folders are deeper."""
    number = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{number}/{DOOR}"
    finally:
        os.close(number)
