"""Pipelines: create, list, get, update, delete."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from shipping.local.engine.environment import pipeline_id
from shipping.local.engine.events import PipelineDeleted
from shipping.local.engine.expand import Origin, expand
from shipping.local.engine.records import Pipeline
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.values import variables
from shipping.local.server.rest import found, told
from shipping.local.server.rest.configuration import UPLOAD, document, of_visual_steps
from shipping.local.server.rest.paging import paged
from shipping.local.server.wire import answer, bearer, fields, plane, text

if TYPE_CHECKING:
    from starlette.requests import Request

KNOWN = {"name", "slug", "repository", "configuration", "steps", "default_branch", "env", "description"}
WITHOUT_EFFECT = {
    "provider_settings",
    "visibility",
    "team_uuids",
    "cluster_id",
    "tags",
    "branch_configuration",
    "skip_queued_branch_builds",
    "skip_queued_branch_builds_filter",
    "cancel_running_branch_builds",
    "cancel_running_branch_builds_filter",
}
"""Accepted and without effect here: they say which pushes make builds and who may see them; here only REST makes builds."""


async def create(request: Request) -> Response:
    """Create a pipeline; its steps are checked as an upload's are."""
    bearer(request)
    world, asked = plane(request), await _asked(request)
    name = text(asked, "name")
    slug = text(asked, "slug", "") or _slug(name)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        raise Rejection(f"'slug' {slug!r} must be lower-case letters and digits, joined by hyphens")
    if world.ledger.pipelines.get(slug) is not None:
        raise Rejection(f"A pipeline with the slug {slug!r} exists already")
    pipeline = Pipeline(
        id=pipeline_id(slug),
        slug=slug,
        name=name,
        repository=text(asked, "repository"),
        configuration=UPLOAD,
        created_at=world.now(),
    )
    world.ledger.pipelines.put(_changed(pipeline, asked))
    return answer(told.pipeline(world, _changed(pipeline, asked)), 201)


async def update(request: Request) -> Response:
    """Change what is named, keep the rest."""
    bearer(request)
    pipeline = _changed(found.pipeline(request), await _asked(request))
    plane(request).ledger.pipelines.put(pipeline)
    return answer(told.pipeline(plane(request), pipeline))


async def get(request: Request) -> Response:
    """One pipeline."""
    bearer(request)
    return answer(told.pipeline(plane(request), found.pipeline(request)))


async def everything(request: Request) -> Response:
    """List the pipelines."""
    bearer(request)
    world = plane(request)
    return paged(request, world.ledger.pipelines.all(), lambda one: told.pipeline(world, one))


async def delete(request: Request) -> Response:
    """Delete the pipeline with its builds, their logs and artifacts."""
    bearer(request)
    world, pipeline = plane(request), found.pipeline(request)
    builds = [build.id for build in world.state.builds.values() if build.pipeline.slug == pipeline.slug]
    files = [world.artifacts / one.id for build in builds for one in world.ledger.artifacts.of_build(build)]
    world.apply(PipelineDeleted(at=world.now(), slug=pipeline.slug))
    for file in files:
        file.unlink(missing_ok=True)
    return Response(status_code=204)


async def archive(request: Request) -> Response:
    """Refuse: a pipeline here is deleted, not archived."""
    bearer(request)
    found.pipeline(request)
    raise Rejection("archiving a pipeline is not implemented by the local Buildkite; delete it")


async def _asked(request: Request) -> dict[str, Any]:
    asked = {name: value for name, value in (await fields(request)).items() if value is not None}
    for name in asked.keys() - KNOWN - WITHOUT_EFFECT:
        raise Rejection(f"pipeline attribute {name!r} is not implemented by the local Buildkite")
    return asked


def _changed(pipeline: Pipeline, asked: dict[str, Any]) -> Pipeline:
    """Return the pipeline with what was asked for; raises Rejection where its steps could not be run."""
    configuration = text(asked, "configuration", pipeline.configuration)
    if "steps" in asked:
        if not isinstance(asked["steps"], list):
            raise Rejection("'steps' must be a list")
        configuration = of_visual_steps(asked["steps"])
    expand(document(configuration), Origin(build=pipeline.id, seed="check", queued_at=0.0))
    try:
        env = variables(asked.get("env", pipeline.env))
    except ValueError as error:
        raise Rejection(f"'env' {error}") from None
    return replace(
        pipeline,
        configuration=configuration,
        env=env,
        name=text(asked, "name", pipeline.name),
        repository=text(asked, "repository", pipeline.repository),
        default_branch=text(asked, "default_branch", pipeline.default_branch),
        description=text(asked, "description", pipeline.description),
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


ALL = "/organizations/{organization}/pipelines"
ROUTES = [
    Route(ALL, everything, methods=["GET"]),
    Route(ALL, create, methods=["POST"]),
    Route(ALL + "/{pipeline}", get, methods=["GET"]),
    Route(ALL + "/{pipeline}", update, methods=["PATCH"]),
    Route(ALL + "/{pipeline}", delete, methods=["DELETE"]),
    Route(ALL + "/{pipeline}/archive", archive, methods=["POST"]),
    Route(ALL + "/{pipeline}/unarchive", archive, methods=["POST"]),
]
