"""Every pipeline that an app has: one file for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.pipelines import app, deploy

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.pipelines.desired import Context, Desired

DEFINITIONS: tuple[Callable[[Context], tuple[Desired, ...]], ...] = (
    lambda context: (app.define(context),),
    deploy.define,
)


def desired(context: Context) -> tuple[Desired, ...]:
    """Return every pipeline as it must be."""
    return tuple(pipeline for define in DEFINITIONS for pipeline in define(context))
