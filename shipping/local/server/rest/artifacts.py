"""Artifacts of a build or of one job: list, get, download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse
from starlette.routing import Route

from shipping.local.engine.rejection import Rejection
from shipping.local.server.moments import moment
from shipping.local.server.rest import found, told
from shipping.local.server.rest.paging import paged
from shipping.local.server.wire import answer, bearer, plane

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.engine.records import Build
    from shipping.local.ledger.artifacts import Artifact
    from shipping.local.server.plane import Plane


async def of_build(request: Request) -> Response:
    """List the artifacts of a build, of each job's last attempt."""
    bearer(request)
    world, build = plane(request), found.build(request)
    latest = {job.id for job in world.state.jobs[build.id].values() if job.retried_in is None}
    artifacts = [one for one in world.ledger.artifacts.of_build(build.id) if one.job in latest]
    return paged(request, artifacts, lambda one: _told(world, build, one))


async def of_job(request: Request) -> Response:
    """List the artifacts of one attempt."""
    bearer(request)
    world, build, job = plane(request), found.build(request), found.job(request)
    artifacts = [one for one in world.ledger.artifacts.of_build(build.id) if one.job == job.id]
    return paged(request, artifacts, lambda one: _told(world, build, one))


async def get(request: Request) -> Response:
    """One artifact."""
    bearer(request)
    return answer(_told(plane(request), found.build(request), _artifact(request)))


async def download(request: Request) -> Response:
    """Redirect to the artifact's bytes."""
    bearer(request)
    artifact = _artifact(request)
    return RedirectResponse(artifact.url or f"{plane(request).site.url}/downloads/{artifact.secret}", 302)


def _artifact(request: Request) -> Artifact:
    job, name = found.job(request), request.path_params["artifact"]
    artifact = plane(request).ledger.artifacts.get(name)
    if artifact is None or artifact.job != job.id:
        raise Rejection(f"No artifact found: {name!r}", status=404)
    return artifact


def _told(world: Plane, build: Build, artifact: Artifact) -> dict[str, Any]:
    here = told.api(
        world, "pipelines", build.pipeline.slug, "builds", build.number, "jobs", artifact.job, "artifacts", artifact.id
    )
    directory, _, filename = artifact.path.rpartition("/")
    return {
        "id": artifact.id,
        "job_id": artifact.job,
        "url": here,
        "download_url": f"{here}/download",
        "state": artifact.state,
        "path": artifact.path,
        "dirname": directory or ".",
        "filename": filename,
        "mime_type": artifact.content_type,
        "file_size": artifact.size,
        "glob_path": artifact.glob_path,
        "original_path": artifact.absolute_path,
        "sha1sum": artifact.sha1,
        "sha256sum": artifact.sha256,
        "created_at": moment(artifact.created_at),
    }


BUILD = "/organizations/{organization}/pipelines/{pipeline}/builds/{number}"
ROUTES = [
    Route(BUILD + "/artifacts", of_build, methods=["GET"]),
    Route(BUILD + "/jobs/{job}/artifacts", of_job, methods=["GET"]),
    Route(BUILD + "/jobs/{job}/artifacts/{artifact}", get, methods=["GET"]),
    Route(BUILD + "/jobs/{job}/artifacts/{artifact}/download", download, methods=["GET"]),
]
