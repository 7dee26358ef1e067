"""Rolls on paper: what "runs" is a file, and so outlives whoever rolled. The rolls of real processes have tests of their own.

A release that has the file `inbox/does-not-boot` fails. ``middle`` is called while old and new serve side by side.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from shipping.host.rolls import Living, Release, Rolled

if TYPE_CHECKING:
    from collections.abc import Callable


class Notes:
    """A `Rolls` in a file: the folders that serve."""

    def __init__(self, file: Path, *, middle: Callable[[Release], None] = lambda _release: None) -> None:
        self._file = file
        self._middle = middle

    def living(self) -> tuple[Living, ...]:
        return tuple(Living(folder=Path(folder), serves=True) for folder in self._serving())

    def whole(self, release: Release) -> bool:
        return self._serving() == [str(release.folder)]

    def roll(
        self,
        release: Release,
        *,
        triggered: Callable[[], None],
        serving: Callable[[], None],
        wanted: Callable[[], bool],
    ) -> Rolled:
        before = self._serving()
        if (release.folder / "inbox/does-not-boot").exists():
            return Rolled(ok=False, why="it does not boot")
        triggered()
        self._serve([*(one for one in before if one != str(release.folder)), str(release.folder)])
        serving()
        self._middle(release)
        if not wanted():
            return Rolled(ok=False, superseded=True)
        self._serve([str(release.folder)])
        return Rolled(ok=True)

    def kill(self) -> None:
        """All processes die."""
        self._serve([])

    def _serving(self) -> list[str]:
        return list(json.loads(self._file.read_text())) if self._file.exists() else []

    def _serve(self, folders: list[str]) -> None:
        unfinished = self._file.with_suffix(".tmp")
        unfinished.write_text(json.dumps(folders))
        unfinished.replace(self._file)
