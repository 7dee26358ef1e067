"""Ending what hosts run. Process groups outlive their daemon by design, and so they would outlive the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.host.supervisor import Supervisor
from shipping.local.processes import PROC, Process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shipping.local.processes import Entry

RUN = "run"
"""Where, below the daemon's folder, its groups lie."""


def end(run: Path) -> int:
    """Kill all groups of a host whose daemon has ended; return how many lived. Raises InfraError where one still runs."""
    if not run.is_dir():
        return 0
    with Supervisor(run, addresses={}, env={}) as supervisor:
        count = sum(group.alive for group in supervisor.groups())
        supervisor.stop()
    return count


def end_all(state: Path) -> int:
    """Kill all groups of all hosts below a state folder, as `end` does."""
    return sum(end(run) for run in sorted(state.glob(f"hosts/*/*/*/srv/{RUN}")))


def keepers(state: Path, entries: Mapping[int, Entry]) -> set[Process]:
    """Return the processes that keep a group or a socket of a host below the state folder, though its notes be gone."""
    wanted = f"{state / 'hosts'}/".encode()
    return {entry.process for pid, entry in entries.items() if not entry.dead and _keeps(pid, wanted)}


def _keeps(pid: int, wanted: bytes) -> bool:
    try:
        argv = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(b"group_keeper" in one for one in argv) and any(one.startswith(wanted) for one in argv)
