"""Seconds on the wall and of processors, of this process and of those that it waits for."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Spent(NamedTuple):
    """Seconds on the wall, and of processors: the second hardly depends on what else the machine does."""

    wall: float
    cpu: float


def timed(action: Callable[[], T]) -> tuple[T, Spent]:
    wall, cpu = time.monotonic(), _used()
    result = action()
    return result, Spent(time.monotonic() - wall, _used() - cpu)


def _used() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
