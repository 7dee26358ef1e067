"""What one check says: one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "wrong", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``fix`` is the command or the edit that mends it. ``unknown`` could not be checked, and ``fix`` says what it takes."""

    check: str
    state: State
    text: str
    fix: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<8}{self.check}: {self.text}"
        return f"{line}; fix: {self.fix}" if self.fix else line


def ok(check: str, text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check=check, state="ok", text=text)


def warn(check: str, text: str, fix: str) -> Finding:
    """Return a finding that works today and may not tomorrow."""
    return Finding(check=check, state="warn", text=text, fix=fix)


def wrong(check: str, text: str, fix: str) -> Finding:
    """Return a finding of what does not work."""
    return Finding(check=check, state="wrong", text=text, fix=fix)


def unknown(check: str, text: str, fix: str) -> Finding:
    """Return what could not be checked; ``fix`` says what it takes."""
    return Finding(check=check, state="unknown", text=text, fix=fix)


def flat(text: str) -> str:
    """Return the text on one line."""
    return " ".join(text.split())
