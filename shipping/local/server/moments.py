"""Seconds since the epoch, as the two APIs and the page say them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload

from pipeline_gen.clock import rfc3339


@overload
def moment(at: float) -> str: ...
@overload
def moment(at: None) -> None: ...
def moment(at: float | None) -> str | None:
    """Return the time as Buildkite writes it; None stays None."""
    return None if at is None else rfc3339(datetime.fromtimestamp(at, UTC))


def duration(seconds: float) -> str:
    """Return a duration as people read it: ``0.4s``, ``12s``, ``3m 05s``, ``1h 02m``."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
