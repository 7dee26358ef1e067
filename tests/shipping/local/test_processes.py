"""The process table: descent, marks, working directories, and signals that never hit a stranger. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shipping.local.processes import (
    Process,
    descendants,
    is_alive,
    look,
    marked,
    send,
    table,
    this_process,
    wait_gone,
    working_in,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEP = ["sleep", "300"]


@contextmanager
def running(argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> Iterator[Process]:
    process = subprocess.Popen(argv, env=env, cwd=cwd, start_new_session=True)
    try:
        entry = look(process.pid)
        assert entry is not None
        yield entry.process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        time.sleep(0.01)


def test_a_process_is_its_pid_and_start_time() -> None:
    """The same pid with another start time is somebody else."""
    me = this_process()

    assert me.pid == os.getpid()
    assert is_alive(me)
    assert not is_alive(replace(me, started=me.started + 1))


def test_a_name_with_parentheses_and_spaces_is_read_whole(tmp_path: Path) -> None:
    """A program may call itself anything; its parent is still found."""
    odd = tmp_path / "a) R 1 (b"
    odd.symlink_to("/bin/sleep")

    with running([str(odd), "300"]) as process:
        entry = table()[process.pid]

        assert (process, os.getpid()) == (entry.process, entry.parent)


def test_a_zombie_is_dead() -> None:
    """It holds its pid until its parent asks, and does nothing any more."""
    child = subprocess.Popen(["true"])
    until(lambda: (entry := look(child.pid)) is not None and entry.dead)
    entry = look(child.pid)
    assert entry is not None

    assert not is_alive(entry.process)
    assert entry.process not in descendants([os.getpid()], table())
    child.wait()


def test_descendants_are_found_through_sessions() -> None:
    """`setsid` changes session and group, not descent."""
    with running(["sh", "-c", "setsid sleep 300 & wait"]) as shell:
        until(lambda: len(descendants([shell.pid], table())) == 1)

        (sleeper,) = descendants([shell.pid], table())

        assert {shell, sleeper} <= descendants([os.getpid()], table())
        assert shell not in descendants([shell.pid], table())
        send(sleeper, signal.SIGKILL)


def test_a_mark_is_the_whole_variable() -> None:
    """Neither the beginning of a value nor another variable that contains it counts."""
    env = {"MARK": "abc", "PATH": os.environ["PATH"]}
    with (
        running(SLEEP, env=env) as process,
        running(SLEEP, env={**env, "MARK": "abcd"}),
        running(SLEEP, env={**env, "MARK": "", "OTHER": "MARK=abc"}),
    ):
        until(lambda: process in marked("MARK", "abc", table()))

        assert {process} == marked("MARK", "abc", table())


def test_working_directories_are_known(tmp_path: Path) -> None:
    """What a process works in tells where it belongs when its environment and its parents do not."""
    (tmp_path / "in" / "side").mkdir(parents=True)
    (tmp_path / "inside-out").mkdir()
    with running(SLEEP, cwd=tmp_path / "in" / "side") as process, running(SLEEP, cwd=tmp_path / "inside-out"):
        assert {process} == working_in(tmp_path / "in", table())


def test_a_signal_reaches_exactly_the_process_meant() -> None:
    """A pid that was taken over by another process is not signalled."""
    with running(SLEEP) as process:
        assert not send(replace(process, started=process.started - 1), signal.SIGKILL)
        assert is_alive(process)

        assert send(process, signal.SIGKILL)
        assert set() == wait_gone([process], timeout=10)
        assert not send(process, signal.SIGKILL)


def test_waiting_returns_those_that_stay() -> None:
    """A time-out is not an error here: the caller decides what it means."""
    with running(SLEEP) as process:
        assert {process} == wait_gone([process], timeout=0.05)


@pytest.mark.parametrize("forks", ["sleep 300 & exit", "(setsid sleep 300 &) ; exit"])
def test_orphans_come_to_the_process_that_adopts_them(forks: str) -> None:
    """Whoever adopts orphans is their parent after a double fork, wherever that happened below."""
    script = (
        "import os, subprocess, sys\n"
        "from shipping.local.processes import adopt_orphans, descendants, table\n"
        "adopt_orphans()\n"
        f"subprocess.run(['sh', '-c', {forks!r}])\n"
        "found = descendants([os.getpid()], table())\n"
        "for process in found: os.kill(process.pid, 9)\n"
        "print(len(found))\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"
