"""The processes that a supervisor keeps running: each with a session, a log, a mark and a bounded rate of restarts."""

from __future__ import annotations

import collections
import os
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError
from shipping.local.processes import Entry, Process, descendants, is_alive, marked, working_in
from shipping.local.world.environment import marks
from shipping.local.world.folder import CHILD_MARK

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from shipping.local.world.folder import Folder

# A child that dies more often than this is broken, not unlucky.
MOST_STARTS = 5
WITHIN = 60.0  # seconds
FIRST_DELAY = 0.2  # seconds; doubled with each start that is still remembered


@dataclass(slots=True, kw_only=True, eq=False)
class Child:
    """One child through all its incarnations. ``pid`` is None while it does not run.

    ``outlived``: what it started is meant to live on without it, and the next incarnation finds it.
    """

    name: str
    folder: Folder
    outlived: bool = False
    pid: int | None = None
    code: int | None = None
    _incarnation: int = 0
    _starts: collections.deque[float] = field(default_factory=lambda: collections.deque(maxlen=MOST_STARTS))
    _family: set[Process] = field(default_factory=set)
    _popen: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder.log(self.name)

    def start(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Start an incarnation. A session of its own: what the terminal sends to the supervisor does not reach it."""
        self._incarnation += 1
        self._starts.append(time.monotonic())
        environment = {**env, **marks(self.folder, self._mark)}
        with self.log.open("ab") as log:
            try:
                self._popen = subprocess.Popen(
                    list(argv),
                    cwd=self.folder.root,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise InfraError(f"could not start {self.name!r}: {error}") from error
        self.pid, self.code = self._popen.pid, None

    def ended(self, code: int) -> None:
        """Note that the kernel reported the child's end (the supervisor reaps for all of them)."""
        if self._popen is not None:
            self._popen.returncode = code
        self._popen, self.pid, self.code = None, None, code

    def track(self, entries: Mapping[int, Entry]) -> None:
        """Remember who descends from the child now: after its end nothing else tells, not even for a double fork."""
        roots = {process.pid for process in self._family} | ({self.pid} if self.pid else set())
        known = {
            process for process in self._family if process.pid in entries and entries[process.pid].process == process
        }
        self._family = known | descendants(roots & entries.keys(), entries)

    def orphans(self, entries: Mapping[int, Entry]) -> set[Process]:
        """Return what an ended incarnation has left running.

        That is whom we saw descend from it, who carries its mark, and who works in its folder: a process that has cleared
        its environment and forked twice between two looks at the table is known by its working directory only.
        """
        if self.outlived:
            return set()
        found = {process for process in self._family if is_alive(process)}
        found |= marked(CHILD_MARK, self._mark, entries)
        found |= working_in(self.folder.of_agent(self.name), entries)
        return found | descendants({process.pid for process in found}, entries)

    def restart_at(self) -> float | None:
        """Return the monotonic time of the next start, None if it has been started too often."""
        now = time.monotonic()
        recent = [start for start in self._starts if now - start < WITHIN]
        if len(recent) >= MOST_STARTS:
            return None
        last = self._starts[-1] if self._starts else now
        return last + FIRST_DELAY * 2 ** len(recent) if recent else now

    def signal(self, number: signal.Signals) -> None:
        # Not by Popen, which would reap behind the supervisor's back; until that has, the pid is the child's.
        if self.pid is not None:
            os.kill(self.pid, number)

    def last_words(self, lines: int = 5) -> str:
        """Return the end of the child's log: where programs say why they ended."""
        try:
            text = self.log.read_bytes()[-4000:].decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.strip().splitlines()[-lines:])

    @property
    def _mark(self) -> str:
        return f"{self.folder.mark}/{self.name}/{self._incarnation}"
