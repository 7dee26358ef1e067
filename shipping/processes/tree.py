"""Start a program under a keeper, follow its output and its progress, and learn how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from pipeline_gen.errors import InfraError
from shipping.processes import keeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

Cause = Literal["exit", "missing", "hang", "agent-gone", "terminated", "orphaned"]

POLL_SECONDS = 0.1
TAIL_BYTES = 64 * 1024
TERMINATED = 128 + signal.SIGTERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Progress is a file that grows: when it has not for ``seconds``, the program hangs and is killed.

    ``path`` None: what the program prints.
    """

    path: Path | None = None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended. ``code`` is negative when a signal ended it; ``tail`` is the last of what it printed."""

    cause: Cause
    code: int | None
    tail: str
    seconds: float
    message: str = ""


def agent_of(env: Mapping[str, str], *, below: int | None = None) -> str | None:
    """Return the agent of this job as ``pid:start``, None where it cannot be watched.

    It must be an ancestor of ours: in a container the same number may be anybody's.
    """
    wanted = env.get("BUILDKITE_AGENT_PID", "")
    pid = os.getpid() if below is None else below
    while wanted.isdigit() and pid > 1 and (found := keeper.process_start(pid)):
        if pid == int(wanted):
            return f"{pid}:{found[1]}"
        pid = found[0]
    return None


@contextlib.contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Turn a SIGTERM (a cancelled job) into SystemExit, so that everything opened here is closed on the way out."""

    def leave(_number: int, _frame: object) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class ProcessTree:
    """All that a job runs. Leaving it kills what is left of every program started here, whatever session it is in.

    ``folder`` takes the programs' output, ``agent`` is what `agent_of` returned: with the agent the tree dies too.
    """

    def __init__(self, *, folder: Path, agent: str | None = None) -> None:
        self._folder = folder
        self._agent = agent
        self._held: list[tuple[subprocess.Popen[bytes], int]] = []
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        while self._held:
            self._let_go(*self._held.pop())

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        output: Callable[[str], None],
        watch: Watch | None = None,
        linger: bool = False,
    ) -> Ended:
        """Run a program to its end, each line it prints given to ``output``; what it left running is killed.

        With ``linger`` that lives on until the tree is left: a set-up step may start the database the tests need.
        Raises InfraError when the agent died, or the keeper was killed.
        """
        self._count += 1
        log = self._folder / f"output-{self._count}.log"
        with log.open("wb") as sink:
            process, life, status = self._start(argv, cwd=cwd, env=env, sink=sink.fileno(), linger=linger)
        self._held.append((process, life))
        follower = _Follower(log=log, output=output, watch=watch, keeper=process)
        try:
            ended = follower.follow(status)
        finally:
            os.close(status)
        if not linger:
            self._let_go(*self._held.pop())
        if ended.cause == "agent-gone":
            raise InfraError(f"could not finish {argv[0]!r}: the agent of this job is gone, what it ran was killed")
        return ended

    def _let_go(self, process: subprocess.Popen[bytes], life: int) -> None:
        os.close(life)  # the keeper reads end of file, and kills what it still holds
        process.wait(timeout=keeper.KILL_SECONDS + 10)

    def _start(
        self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], sink: int, linger: bool
    ) -> tuple[subprocess.Popen[bytes], int, int]:
        life_read, life_write = os.pipe()
        status_read, status_write = os.pipe()
        flags = [str(life_read), str(status_write), self._agent or "-", "1" if linger else "0"]
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, *flags, "--", *argv],
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                pass_fds=(life_read, status_write),
                start_new_session=True,
            )
        finally:
            os.close(life_read)
            os.close(status_write)
        return process, life_write, status_read


class _Follower:
    """Copies what a program prints, and watches its progress."""

    def __init__(
        self, *, log: Path, output: Callable[[str], None], watch: Watch | None, keeper: subprocess.Popen[bytes]
    ) -> None:
        self._log = log
        self._output = output
        self._watch = watch
        self._keeper = keeper
        self._line = b""
        self._size = -1
        self._begun = self._moved = time.monotonic()

    def follow(self, status: int) -> Ended:
        with self._log.open("rb") as printed:
            while not select.select([status], [], [], POLL_SECONDS)[0]:
                self._copy(printed.read())
                self._check_progress()
            raw = os.read(status, 4096)
            self._copy(printed.read())
        if self._line:
            self._copy(b"\n")
        if not raw:
            raise InfraError("could not follow the program: its keeper was killed")
        told = json.loads(raw)
        return Ended(
            cause=told["cause"],
            code=told["code"],
            tail=self._tail(),
            seconds=time.monotonic() - self._begun,
            message=told.get("message", ""),
        )

    def _copy(self, read: bytes) -> None:
        *lines, self._line = (self._line + read).split(b"\n")
        for line in lines:
            self._output(line.rstrip(b"\r").decode(errors="replace"))

    def _check_progress(self) -> None:
        if self._watch is None:
            return
        path = self._watch.path or self._log
        size = path.stat().st_size if path.exists() else 0
        now = time.monotonic()
        if size != self._size:
            self._size, self._moved = size, now
        elif now - self._moved > self._watch.seconds:
            self._keeper.send_signal(signal.SIGUSR1)
            self._moved = now + keeper.KILL_SECONDS + keeper.TRACEBACK_SECONDS

    def _tail(self) -> str:
        with self._log.open("rb") as printed:
            printed.seek(max(0, self._log.stat().st_size - TAIL_BYTES))
            return printed.read().decode(errors="replace")
