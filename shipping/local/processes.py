"""The machine's processes as /proc tells them: who lives, who descends from whom, who carries a mark in its environment.

Linux only. A pid alone may be somebody else a moment later, so a process is its pid and its start time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROC = Path("/proc")
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """``started`` is in clock ticks since boot: with the pid it names one process for ever."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the process table. ``terminal`` is 0 for a process without one."""

    process: Process
    parent: int
    state: str
    terminal: int

    @property
    def dead(self) -> bool:
        """True for a zombie: it holds its pid until it is reaped, and does nothing any more."""
        return self.state in "ZXx"


def look(pid: int) -> Entry | None:
    """Return the table's entry of ``pid``, None where there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses and may hold anything, parentheses and spaces too.
    fields = text[text.rindex(")") + 2 :].split()
    process = Process(pid=pid, started=int(fields[19]))
    return Entry(process=process, parent=int(fields[1]), state=fields[0], terminal=int(fields[4]))


def this_process() -> Process:
    """Return the process that runs this code."""
    entry = look(os.getpid())
    if entry is None:
        raise InfraError(f"cannot find this process in {str(PROC)!r}: the local world needs Linux")
    return entry.process


def table() -> dict[int, Entry]:
    """Return every process of the machine (of its pid namespace) by pid."""
    entries = (look(int(name)) for name in os.listdir(PROC) if name.isdecimal())  # noqa: PTH208 - names, not paths
    return {entry.process.pid: entry for entry in entries if entry is not None}


def is_alive(process: Process) -> bool:
    """True while exactly this process runs (a zombie does not)."""
    entry = look(process.pid)
    return entry is not None and entry.process == process and not entry.dead


def descendants(pids: Iterable[int], entries: Mapping[int, Entry]) -> set[Process]:
    """Return the living processes that descend from any of ``pids``; these themselves are not in it."""
    children: dict[int, list[Entry]] = {}
    for entry in entries.values():
        children.setdefault(entry.parent, []).append(entry)
    found: set[Process] = set()
    pending = list(pids)
    while pending:
        for entry in children.pop(pending.pop(), []):
            pending.append(entry.process.pid)
            if not entry.dead:
                found.add(entry.process)
    return found


def marked(variable: str, value: str, entries: Mapping[int, Entry]) -> set[Process]:
    """Return the living processes whose environment, as they were started with it, holds ``variable=value``.

    Processes whose environment this user may not read belong to others and are left out.
    """
    wanted = f"{variable}={value}".encode()
    found: set[Process] = set()
    for pid, entry in entries.items():
        with contextlib.suppress(OSError):
            if not entry.dead and wanted in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                found.add(entry.process)
    return found


def working_in(folder: Path, entries: Mapping[int, Entry]) -> set[Process]:
    """Return the living processes whose working directory lies in ``folder`` (absolute, resolved).

    Without those that have a terminal: they are a person's, who looks around there.
    """
    found: set[Process] = set()
    for pid, entry in entries.items():
        with contextlib.suppress(OSError):
            if not entry.dead and not entry.terminal and (PROC / str(pid) / "cwd").readlink().is_relative_to(folder):
                found.add(entry.process)
    return found


def adopt_orphans() -> None:
    """Make this process the parent of every orphan among its descendants, so that none escapes by a double fork."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise InfraError(f"could not become the parent of orphans: {os.strerror(ctypes.get_errno())}")


def send(process: Process, number: signal.Signals) -> bool:
    """Send a signal to exactly this process; False where it is gone (even if its pid is somebody else's by now)."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        # The handle pins whoever has the pid now; only then is it asked whether that is who we mean.
        if not is_alive(process):
            return False
        signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(handle)
    return True


def wait_gone(processes: Iterable[Process], *, timeout: float) -> set[Process]:
    """Wait until none of them runs; return those that still do after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    left = {process for process in processes if is_alive(process)}
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = {process for process in left if is_alive(process)}
    return left
