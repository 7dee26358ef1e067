"""Hold one process group, or only a listening socket; outlive whoever started us, so that an update of ship drops nothing.

Arguments ``FOLDER CWD DRAIN SHARED PRIVATE -- COMMAND...``. Returns when the command runs (prints why where it cannot), and
goes on in the background, holding the lock of FOLDER. SHARED and PRIVATE are listening sockets or ``-``; the command finds
them as 3 and 4. Without a command: a holder, which keeps SHARED open.
SIGTERM: tell the command to finish, kill what is left after DRAIN seconds. SIGQUIT: kill all now. When the command ends, so
does all it left running. If we are killed, the kernel kills the command.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shipping.host import logs, sockets
from shipping.host.folders import write_note
from shipping.processes import keeper

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCK, KEEPER, ENDED = "lock", "keeper.json", "ended.json"
ABOVE = 10
LOOK_SECONDS = 0.5


class GroupKeeper(keeper.Keeper):
    """One command with its descendants, and what may be asked of it."""

    def __init__(self, *, folder: Path, drain: float, shared: int | None, private: int | None) -> None:
        super().__init__(life=-1, status=-1, agent="-", linger=False)
        self.folder = folder
        self.drain = drain
        self.shared = shared
        self.private = private
        self.pid: int | None = None
        self.deadline = float("inf")
        self.killed = False
        signal.signal(signal.SIGQUIT, self._heard)
        self.door = sockets.open_door(folder) if shared is not None else None

    @property
    def child(self) -> int | None:
        return self.pid

    def begin(self, cwd: str, command: Sequence[str]) -> str:
        """Start the command; return why it could not be started, or nothing."""
        read, write = os.pipe2(os.O_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            self._become(cwd, command, fcntl.fcntl(write, fcntl.F_DUPFD_CLOEXEC, ABOVE))
        os.close(write)
        with os.fdopen(read, "rb") as said:
            return said.read().decode(errors="replace")

    def _become(self, cwd: str, command: Sequence[str], report: int) -> None:
        """Turn this fresh process into the command. Never returns."""
        try:
            parent = os.getppid()
            os.setsid()
            keeper.prctl(keeper.PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # killed before the line above: nobody would kill us
                os._exit(1)
            for number in (
                signal.SIGPIPE,
                signal.SIGCHLD,
                signal.SIGTERM,
                signal.SIGINT,
                signal.SIGHUP,
                signal.SIGUSR1,
            ):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGQUIT, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
            env = {**os.environ, **sockets.place([one for one in (self.shared, self.private) if one is not None])}
            os.chdir(cwd)
            os.execvpe(command[0], list(command), env)  # noqa: S606 - an argv, no shell
        except BaseException as error:  # noqa: BLE001 - nothing may run on in the copy of the keeper
            os.write(report, str(getattr(error, "strerror", None) or error).encode())
        finally:
            os._exit(127)

    def hold(self) -> None:
        """Return when nothing of the group runs."""
        while True:
            watched = [self.wake] if self.door is None else [self.wake, self.door.fileno()]
            left = max(0.0, min(LOOK_SECONDS, self.deadline - time.monotonic()))
            readable, _, _ = select.select(watched, [], [], left)
            if self.wake in readable:
                self._drain()
            self._reap()
            if self.door is not None and self.door.fileno() in readable:
                self._answer()
            self._obey()
            logs.bound(self.folder)
            if (self.pid is not None and self.code is not None) or self.killed:
                break
        self._kill_all()

    def _obey(self) -> None:
        heard, self.signal = self.signal, None
        if heard == signal.SIGQUIT or time.monotonic() >= self.deadline:
            self.killed = True
        elif heard == signal.SIGTERM and self.pid is None:
            self.killed = True  # a holder has nothing to finish
        elif heard == signal.SIGTERM and self.deadline == float("inf"):
            # Once: to many servers a second SIGTERM means "now".
            self.deadline = time.monotonic() + self.drain
            if self.code is None and self.pid is not None:
                self._ask_to_finish(self.pid)

    def _ask_to_finish(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself between the look and the signal
            os.kill(pid, signal.SIGTERM)

    def _answer(self) -> None:
        if self.door is not None and self.shared is not None:
            with contextlib.suppress(OSError):  # who asked is gone
                sockets.hand_over(self.door, self.shared)


def _lock(folder: Path) -> int | None:
    """Hold the folder's lock for our life; None where the folder was given up meanwhile."""
    try:
        held = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    fcntl.flock(held, fcntl.LOCK_EX)
    return held if os.fstat(held).st_nlink else None


def _detach(folder: Path) -> None:
    os.setsid()
    log = os.open(folder / logs.LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)


def run(folder: Path, given: Sequence[str], command: Sequence[str], report: int) -> int:
    """Hold the group in this process; ``report`` takes what could not be done, and is closed once the command runs."""
    if _lock(folder) is None:
        os.write(report, b"its folder was given up")
        return 0
    _detach(folder)
    os.chdir("/")
    keeper.prctl(keeper.PR_SET_CHILD_SUBREAPER, 1)
    cwd, drain, shared, private = given
    numbers = [None if one == "-" else int(one) for one in (shared, private)]
    for one in numbers:
        if one is not None:
            os.set_inheritable(one, False)
    group = GroupKeeper(folder=folder, drain=float(drain), shared=numbers[0], private=numbers[1])
    found = keeper.process_start(os.getpid())
    write_note(folder / KEEPER, {"pid": os.getpid(), "start": found[1] if found else ""})
    if command and (why := group.begin(cwd, command)):
        os.write(report, why.encode())
        return 0
    os.close(report)
    group.hold()
    write_note(folder / ENDED, {"code": group.code, "killed": group.killed})
    return 0


def main(arguments: Sequence[str]) -> int:
    """Start a keeper in the background, and return once it holds."""
    folder, *given = arguments[:5]
    read, write = os.pipe2(os.O_CLOEXEC)
    if os.fork() == 0:
        os.close(read)
        return run(Path(folder), given, arguments[6:], write)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        sys.stdout.write(said.read().decode(errors="replace"))
    return 0
