"""Ending every process of a world, whoever started it: by descent from the supervisor and by the mark that all carry."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError
from shipping.local.hosts.ending import end_all, keepers
from shipping.local.processes import Process, descendants, marked, send, table, wait_gone, working_in
from shipping.local.world.environment import outside_sockets
from shipping.local.world.folder import WORLD_MARK, Folder, Holder

if TYPE_CHECKING:
    from collections.abc import Callable

KILL_TIMEOUT = 10.0  # seconds; SIGKILL is not refused, only late (a process in an uninterruptible read)


def remains(folder: Folder, left: Holder | None = None) -> set[Process]:
    """Return the living processes of the folder's world, but for this process and those it descends from.

    ``left`` is the supervisor that was killed, if one was: what its jobs have left without a mark (they may clear their
    environment) is known by its working directory, and by having begun after the supervisor.
    """
    entries = table()
    found = marked(WORLD_MARK, folder.mark, entries)
    if left is not None:
        strays = working_in(folder.agents, entries) | working_in(folder.root / "hosts", entries)
        found |= {process for process in strays if process.started >= left.process.started}
    found |= descendants({process.pid for process in found}, entries)
    spared = {os.getpid()}
    pid = os.getpid()
    while (entry := entries.get(pid)) is not None and entry.parent not in spared:
        pid = entry.parent
        spared.add(pid)
    return {process for process in found if process.pid not in spared}


def kill_all(find: Callable[[], set[Process]], reap: Callable[[], None]) -> int:
    """Kill what ``find`` returns until it returns nothing; return how many were killed.

    Again and again, because a process may have forked while the table was read. Raises InfraError if some do not go.
    """
    killed: set[Process] = set()
    deadline = time.monotonic() + KILL_TIMEOUT
    while found := find():
        if time.monotonic() > deadline:
            pids = ", ".join(str(process.pid) for process in sorted(found, key=lambda process: process.pid))
            raise InfraError(
                f"could not end the processes {pids} of the local world", hint="look at them with `ps -fp`"
            )
        killed |= {process for process in found if send(process, signal.SIGKILL)}
        reap()
        wait_gone(found, timeout=0.2)
    return len(killed)


def sweep(folder: Folder, left: Holder | None = None) -> int:
    """End what a run that was killed left behind and return how many processes that were.

    The caller holds the folder, if it exists.
    """
    count = kill_all(lambda: remains(folder, left), lambda: None)
    # The daemons are dead: nobody starts another group.
    count += end_all(folder.root)
    count += kill_all(lambda: keepers(folder.root, table()), lambda: None)
    folder.forget()
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(outside_sockets(folder.mark))
    return count
