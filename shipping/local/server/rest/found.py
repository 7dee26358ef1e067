"""What a path of the REST API names: its pipeline, build, job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.local.engine.rejection import Rejection
from shipping.local.server.wire import plane

if TYPE_CHECKING:
    from starlette.requests import Request

    from shipping.local.engine.records import Build, Job, Pipeline


def pipeline(request: Request) -> Pipeline:
    """Return the pipeline that the path names; raises Rejection (404) where there is none."""
    slug = request.path_params["pipeline"]
    found = plane(request).ledger.pipelines.get(slug)
    if found is None:
        raise Rejection(f"No pipeline found: {slug!r}", status=404)
    return found


def build(request: Request) -> Build:
    """Return the build of that number, or that of the job where the path names no build; raises Rejection (404)."""
    if "number" not in request.path_params:
        return plane(request).state.builds[job(request).build]
    slug, number = request.path_params["pipeline"], request.path_params["number"]
    for one in plane(request).state.builds.values():
        if (one.pipeline.slug, str(one.number)) == (slug, number):
            return one
    raise Rejection(f"No build found: {number!r} of {slug!r}", status=404)


def job(request: Request) -> Job:
    """Return the job of the build that the path names, if it names one; raises Rejection (404) where there is none."""
    job_id, state = request.path_params["job"], plane(request).state
    named = "number" in request.path_params
    found = state.jobs[build(request).id].get(job_id) if named else state.job(job_id)
    if found is None:
        raise Rejection(f"No job found: {job_id!r}", status=404)
    return found
