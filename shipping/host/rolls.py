"""What the daemon needs of whoever replaces processes on this host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shipping.records.process import ProcessType


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release on disk. ``folder`` is its identity here: commits that share a slug have a folder each."""

    commit: str
    folder: Path
    processes: tuple[ProcessType, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """How a roll ended. Not ``ok``: what served before serves on, and ``why`` says what was wrong with the new one.

    ``superseded``: given up in the middle because it was not wanted any more; nothing failed.
    """

    ok: bool
    why: str = ""
    superseded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """A release that has processes here. Not ``serves``: they only start, or finish their work."""

    folder: Path
    serves: bool


class Rolls(Protocol):
    """Replaces process groups, which outlive whoever started them: what was begun is found again."""

    def living(self) -> tuple[Living, ...]:
        """Return the releases that have a living process."""
        ...

    def whole(self, release: Release) -> bool:
        """Tell whether all groups of a release serve, and no others."""
        ...

    def roll(
        self,
        release: Release,
        *,
        triggered: Callable[[], None],
        serving: Callable[[], None],
        wanted: Callable[[], bool],
    ) -> Rolled:
        """Replace what serves by a release, and return when nothing else serves. Done already: return at once.

        ``triggered`` is called when its boot checks have passed, before anything that runs is touched; ``serving`` when the
        first group of the release serves; ``wanted`` is asked before each group.
        """
        ...
