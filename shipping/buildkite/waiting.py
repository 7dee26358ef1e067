"""Builds that wait at a block of ours for a lock to go, and how they are let go: unblocked, each asks for itself once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pybuildkite.builds import BuildState

from shipping.buildkite.answers import Declined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.buildkite.organization import Organization

LOCKED = "locked"
"""What the keys of these blocks begin with."""


def let_go(organization: Organization, pipeline: str, *, before: int | None = None) -> Iterator[int]:
    """Unblock every build of a pipeline that waits for a lock, and yield its number. ``before``: only those of lower numbers.

    Raises what `Rest` raises. One that somebody else unblocked meanwhile is passed over.
    """
    rest = organization.rest
    listed = rest.pages(rest.builds().list_all_for_pipeline, organization.slug, pipeline, states=[BuildState.BLOCKED])
    # Read to the end first: what is unblocked leaves the list, and pages would move.
    for build in list(listed):
        number = int(build["number"])
        if before is not None and number >= before:
            continue
        freed = [_unblock(organization, pipeline, number, job) for job in build["jobs"] if _waits(job)]
        if any(freed):
            yield number


def _waits(job: dict[str, Any]) -> bool:
    # The key is not told of every kind of job everywhere; then it is ours, for deploy pipelines have no other blocks.
    key = job.get("step_key") or (job.get("step") or {}).get("key") or LOCKED
    return job["type"] == "manual" and job["state"] == "blocked" and str(key).startswith(LOCKED)


def _unblock(organization: Organization, pipeline: str, number: int, job: dict[str, Any]) -> bool:
    try:
        organization.rest.jobs().unblock_job(organization.slug, pipeline, number, job["id"], {})
    except Declined:
        return False
    return True
