"""The named points of publishing at which a crash is tested: each is just before or just after something becomes visible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

Point = Literal[
    "layers-built",
    "blob-started",
    "blob-sent",
    "blobs-complete",
    "manifest-written",
    "signature-written",
    "buckets-complete",
    "layer-recorded",
    "release-written",
]
POINTS: tuple[Point, ...] = get_args(Point)

At = Callable[[Point], None]


def nowhere(_point: Point) -> None:
    """Go on: nobody asked to be called."""
