"""Every failure that a user can meet, and the exit status that goes with it.

ShipError
├── Refused      1  the answer is no (tests failed, a digest does not match)
├── UsageError   2  wrong arguments or configuration: nothing was done
│   └── Faults      several of them, told at once
└── InfraError   3  the world did not answer: safe to retry

Anything else that reaches the command line is a bug: exit status 4, with a stack trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BUG = 4
INTERRUPTED = 130


class ShipError(Exception):
    """A failure we foresaw: a lower-case sentence with the value in quotes, and a hint with the exact command."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"


class Refused(ShipError):
    """The answer is no."""

    exit_code = 1


class UsageError(ShipError):
    """The caller's words are wrong; nothing was done."""

    exit_code = 2


class InfraError(ShipError):
    """Something outside did not answer as it should; the same call may succeed later."""

    exit_code = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with what the user wrote: where it stands, what is there, what may be there."""

    path: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.path}: found {self.found}, allowed: {self.allowed}"


class Faults(UsageError):
    """All faults of one document, so that they are mended in one go."""

    def __init__(self, document: str, faults: Sequence[Fault], *, hint: str | None = None) -> None:
        self.document = document
        self.faults = tuple(faults)
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__(f"cannot use {document!r}: {count}{lines}", hint=hint)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the closest known word, or nothing."""
    matches = get_close_matches(word, list(known), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
