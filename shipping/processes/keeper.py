"""Hold one command and everything it starts; kill all of it when it ends, when our parent goes, or when the agent does.

Run as a script by `tree`, of standard library only, because a job can be killed without a word: then nobody in it is left to
clean up. `keeper.py LIFE STATUS AGENT LINGER -- COMMAND...`: LIFE is a pipe that closes when the parent is gone, STATUS a pipe
for one line of JSON, AGENT ``pid:start`` or ``-``, LINGER ``1`` to keep what the command left running until LIFE closes.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform == "linux"
AGENT_CHECK_SECONDS = 0.5
TRACEBACK_SECONDS = 2.0
KILL_SECONDS = 10.0


def process_start(pid: int) -> tuple[int, str] | None:
    """Return a process's parent and start time (clock ticks since boot), None where it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name may hold spaces and parentheses
    return None if fields[0] in "ZX" else (int(fields[1]), fields[19])


def descendants(root: int) -> list[int]:
    """Return every living process below ``root``. Sessions and process groups do not matter: parents do."""
    children: dict[int, list[int]] = {}
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()) if LINUX else ():
        if found := process_start(pid):
            children.setdefault(found[0], []).append(pid)
    below: list[int] = []
    waiting = [root]
    while waiting:
        own = children.get(waiting.pop(), [])
        below += own
        waiting += own
    return below


def prctl(option: int, value: int) -> None:
    """Set one of Linux's process attributes; elsewhere there is nothing to set."""
    if LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


class Keeper:
    """One command, its descendants, and the reasons for which they die."""

    def __init__(self, *, life: int, status: int, agent: str, linger: bool) -> None:
        self.life = life
        self.status = status
        self.agent = None if agent == "-" else agent.split(":")
        self.linger = linger
        self.process: subprocess.Popen[bytes] | None = None
        self.code: int | None = None
        self.signal: int | None = None
        self.wake, wake_end = os.pipe()
        for end in (self.wake, wake_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, self._heard)

    def run(self, argv: list[str]) -> int:
        try:
            self.process = self._start(argv)
        except OSError as error:
            self._tell(cause="missing", code=None, message=error.strerror or str(error))
            return 0
        cause = self._hold()
        if cause == "hang":
            self._dump_tracebacks()
        if cause == "exit" and self.linger:
            self._tell(cause=cause, code=self.code)
            self._hold(lingering=True)
            self._kill_all()
            return 0
        self._kill_all()
        self._tell(cause=cause, code=self.code)
        return 0

    @property
    def child(self) -> int | None:
        # The Popen is kept only so that it is not collected: it would reap the command, and its status be lost.
        return self.process.pid if self.process else None

    def _start(self, argv: list[str]) -> subprocess.Popen[bytes]:
        def die_with_keeper() -> None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))

        # A session of its own: signals meant for the command's group never reach us, nor ours it.
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_keeper,  # noqa: PLW1509 - there is one thread here
        )

    def _hold(self, *, lingering: bool = False) -> str:
        """Wait until there is a reason to end: exit, orphaned, agent-gone, terminated or hang."""
        while True:
            readable, _, _ = select.select([self.life, self.wake], [], [], AGENT_CHECK_SECONDS)
            if self.wake in readable:
                self._drain()
            self._reap()
            if self.life in readable:
                return "orphaned"
            if self.signal is not None:
                return "hang" if self.signal == signal.SIGUSR1 else "terminated"
            if self.code is not None and not lingering:
                return "exit"
            if self._agent_gone():
                return "agent-gone"

    def _agent_gone(self) -> bool:
        if self.agent is None:
            return False
        found = process_start(int(self.agent[0]))
        return found is None or found[1] != self.agent[1]

    def _heard(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self.signal = number

    def _drain(self) -> None:
        try:
            while os.read(self.wake, 4096):
                pass
        except BlockingIOError:
            pass

    def _reap(self) -> None:
        """Collect the dead: the command itself, and orphans, which come to us as their nearest subreaper."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.child:
                self.code = os.waitstatus_to_exitcode(status)

    def _dump_tracebacks(self) -> None:
        """Ask a Python that hangs to say where: pytest enables faulthandler, which prints every thread on SIGABRT."""
        if self.child is None:
            return
        try:
            os.killpg(self.child, signal.SIGABRT)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + TRACEBACK_SECONDS
        while self.code is None and time.monotonic() < deadline:
            time.sleep(0.02)
            self._reap()

    def _kill_all(self) -> None:
        """Kill until nothing is left: what forks while we look is found by the next look."""
        deadline = time.monotonic() + KILL_SECONDS
        empty = 0
        while time.monotonic() < deadline:
            if self.child is not None and self.code is None:
                self._kill(self.child, group=not LINUX)
            found = descendants(os.getpid())
            for pid in found:
                self._kill(pid)
            self._reap()
            # Twice: a look misses a child whose parent died while it looked; by the next one the child is ours.
            empty = 0 if found or (self.child is not None and self.code is None) else empty + 1
            if empty == 2:
                return
            time.sleep(0.005)

    def _kill(self, pid: int, *, group: bool = False) -> None:
        try:
            (os.killpg if group else os.kill)(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it went by itself between the look and the kill
        except PermissionError:
            pass  # it changed its user (sudo): not ours to kill

    def _tell(self, **status: object) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody may be left to be told
            os.write(self.status, json.dumps(status).encode() + b"\n")
        os.close(self.status)


def main(arguments: list[str]) -> int:
    """Hold the command of the arguments to its end; always 0, how it ended goes through STATUS."""
    life, status, agent, linger, _separator, *argv = arguments
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    keeper = Keeper(life=int(life), status=int(status), agent=agent, linger=linger == "1")
    for inherited in (keeper.life, keeper.status):
        os.set_inheritable(inherited, False)
    return keeper.run(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
