"""Canceling a build, before anything settles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.withdraw import withdraw

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.records import Build


def stop_build(draft: Draft, build: Build, reason: str = "") -> None:
    """End what waits, ask what runs to stop; the build is canceled when the last job has ended."""
    draft.put(replace(build, canceled_at=build.canceled_at or draft.at))
    for job in list(draft.jobs(build.id).values()):
        withdraw(draft, job, reason)
