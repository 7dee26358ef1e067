"""What is found in a repository: suites with how they are run, and what could not be made sure of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A file that is written for the suite's setup: it takes several commands, and a setup is one."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How the suite's environment is made: one argv, with the script it runs where one is to be written."""

    argv: tuple[str, ...] = ()
    python: str | None = None
    script: Script | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSuite:
    """A suite: ``paths`` for pytest, ``command`` and ``files`` for any other runner; ``tests`` is how many files there are.

    ``why`` names the sign it was found by; ``notes`` are what a person has to do or to know, written beside it.
    """

    name: str
    tests: int
    why: str
    setup: Setup = field(default_factory=Setup)
    paths: tuple[str, ...] = ()
    command: str = ""
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundApp:
    """An app: its name, its folder (``.``: the whole repository), its suites."""

    name: str
    folder: str
    suites: tuple[FoundSuite, ...]

    @property
    def scripts(self) -> tuple[Script, ...]:
        """Return the scripts of all suites, each once."""
        return tuple(dict.fromkeys(suite.setup.script for suite in self.suites if suite.setup.script))


def outermost(folders: Sequence[str]) -> tuple[str, ...]:
    """Return the folders that lie in no other of them, sorted."""
    kept: list[str] = []
    for folder in sorted(set(folders), key=lambda name: (name.count("/"), name)):
        if not any(outer in (folder, ".") or folder.startswith(f"{outer}/") for outer in kept):
            kept.append(folder)
    return tuple(sorted(kept))
