"""Every pipeline that an app has: one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.pipelines import app

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.pipelines.desired import Context, Desired

DEFINITIONS: tuple[Callable[[Context], Desired], ...] = (app.define,)


def desired(context: Context) -> tuple[Desired, ...]:
    """Return every pipeline as it must be."""
    return tuple(define(context) for define in DEFINITIONS)
