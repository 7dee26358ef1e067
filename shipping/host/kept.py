"""Folders that a keeper holds: start one in it, tell it, see whether it lives, and take the folder away after it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import Refused
from shipping.host.folders import read_note, remove_folder
from shipping.host.group_keeper import ENDED, KEEPER, LOCK
from shipping.processes import keeper

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence

    from shipping.records.process import ProcessType

KILL_SECONDS = 20.0
LOOK_SECONDS = 0.02
# Exactly the code that we are, wherever it is installed and whatever the environment of groups says of Python's paths.
BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from shipping.host import {0}; sys.exit({0}.main(sys.argv[2:]))"


def program(module: str) -> tuple[str, ...]:
    """Return the command that runs one of our programs."""
    return sys.executable, "-I", "-S", "-c", BEGIN.format(module), str(Path(__file__).parents[2])


def keep(
    folder: Path,
    given: Sequence[socket.socket | None],
    process: ProcessType | None,
    *,
    cwd: Path,
    env: Mapping[str, str],
) -> None:
    """Start a keeper in the folder with the shared and the private socket, and its command. None: a holder of the shared one.

    Returns when the command runs. Raises Refused where it cannot be started.
    """
    numbers = [str(one.fileno()) if one else "-" for one in given]
    drain, command = (process.drain, process.command) if process else (0.0, ())
    started = subprocess.run(
        [*program("group_keeper"), str(folder), str(cwd), str(drain), *numbers, "--", *command],
        env=dict(env),
        pass_fds=[one.fileno() for one in given if one],
        capture_output=True,
        text=True,
        check=False,
    )
    what = process.command[0] if process else folder.name
    if why := (started.stdout + (started.stderr if started.returncode else "")).strip():
        raise Refused(f"cannot start {what!r} in {str(cwd)!r}: {why}")


def tell(folder: Path, number: signal.Signals) -> bool:
    """Send the folder's keeper a signal; False where it is gone."""
    note = read_note(folder / KEEPER)
    return note is not None and _send(note["pid"], note["start"], number)


def kill(folder: Path) -> None:
    """Kill all that the folder's keeper holds, and wait until it is gone."""
    tell(folder, signal.SIGQUIT)
    deadline = time.monotonic() + KILL_SECONDS
    while held(folder) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def _send(pid: int, start: str, number: signal.Signals) -> bool:
    """Send a signal to exactly that process: its number may be another's by now, a descriptor of it cannot be."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        found = keeper.process_start(pid)
        if found is None or found[1] != start:
            return False
        signal.pidfd_send_signal(process, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(process)
    return True


def held(folder: Path) -> bool:
    """Say whether a keeper lives in the folder: it holds the lock, which the kernel takes back whatever ends it."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def give_up(folder: Path) -> bool:
    """Remove a folder whose keeper is gone. A keeper that is only now beginning waits for the lock, and then finds none."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if read_note(folder / ENDED) is None:
            _kill_marked(
                folder.name
            )  # its keeper was killed: the kernel killed the command, not what the command started
        remove_folder(folder)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _kill_marked(group: str) -> None:
    """Kill every process that was started with this group's mark in its environment."""
    mark = f"SHIP_GROUP={group}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                continue  # gone, or another user's
