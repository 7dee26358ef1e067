"""A systemd of a test's own: PID 1 of its own namespaces, over files and ports that are the machine's.

It needs root, namespaces and a cgroup2 mount; where one is missing it says so and fails, it is never skipped. So what needs it
is run by `make soak`, which takes those for granted, not by `make test`.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """``pid``: of its PID 1, as we see it. ``units``: where its unit files are."""

    pid: int
    units: Path

    @property
    def systemctl(self) -> tuple[str, ...]:
        """Return the command that speaks to it."""
        return (*self.inside, "systemctl")

    @property
    def inside(self) -> tuple[str, ...]:
        """Return what runs a command among its processes."""
        return ("nsenter", f"--target={self.pid}", "--mount", "--pid", "--cgroup", "--")

    def ask(self, *words: str) -> str:
        """Run systemctl, and return what it prints."""
        return subprocess.run([*self.systemctl, *words], check=True, capture_output=True, text=True).stdout
