"""How a program ended, in words."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipping.processes import Ended

WRAPPED = 128  # shells, npm and containers turn a child's signal into an exit status of this plus its number


def how(ended: Ended) -> str:
    """Say how a program ended."""
    if ended.code is not None and ended.code < 0:
        return f"was killed by {_name(-ended.code)}"
    return f"exited with status {ended.code}"


def killed_by(ended: Ended) -> str | None:
    """Return the signal that killed the program, or, by its exit status, a program it waited for; None for any other end."""
    code = ended.code or 0
    number = -code if code < 0 else code - WRAPPED
    return _name(number) if number in signal.Signals.__members__.values() else None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
