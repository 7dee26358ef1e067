"""Pipelines: create, list, get, update, archive, delete."""

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
from shipping.local.engine.rejection import Rejection, invalid
from shipping.local.engine.values import variables
from shipping.local.server.moments import moment
from shipping.local.server.rest import access, found, kept, settings, teams, told
from shipping.local.server.rest.configuration import UPLOAD, document, of_visual_steps
from shipping.local.server.rest.paging import paged
from shipping.local.server.wire import answer, bearer, fields, plane, text

if TYPE_CHECKING:
    from starlette.requests import Request

KNOWN = {"name", "slug", "repository", "configuration", "steps", "default_branch", "env", "description"}
SKIPPING = ("skip_queued_branch_builds", "cancel_running_branch_builds")
NULLABLE = settings.FIELDS | set(SKIPPING) | {f"{name}_filter" for name in SKIPPING}
FILTERS = ("name", "repository")


async def create(request: Request) -> Response:
    """Create a pipeline; its steps are checked as an upload's are."""
    bearer(request)
    world, asked = plane(request), await _asked(request)
    name = kept.required(asked, "name")
    slug = kept.words(asked, "slug") or _slug(name)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        raise invalid("slug", f"{slug!r} must be lower-case letters and digits, joined by hyphens")
    if world.ledger.pipelines.get(slug) is not None:
        raise invalid("name", f"has already been taken: there is a pipeline {slug!r}")
    fresh = Pipeline(
        id=pipeline_id(slug),
        slug=slug,
        name=name,
        repository=kept.required(asked, "repository"),
        configuration=UPLOAD,
        created_at=world.now(),
    )
    pipeline, kept_settings = _changed(fresh, asked), settings.changed(world, slug, asked)
    allowed = access.of_teams(world, asked)
    with world.ledger.database.transaction():
        world.ledger.pipelines.put(pipeline)
        world.ledger.registry.put("settings", slug, kept_settings)
        for team, level in allowed.items():
            teams.let(world, team, pipeline, level)
    world.live.tell("builds")
    return answer(told.pipeline(world, pipeline), 201)


async def update(request: Request) -> Response:
    """Change what is named, keep the rest."""
    bearer(request)
    world, before, asked = plane(request), found.pipeline(request), await _asked(request)
    settings.refuse_archived(world, before)
    if asked.keys() & {"teams", "team_uuids"}:
        raise invalid("teams", "of a pipeline that exists are changed below /teams")
    slug = asked.get("slug") or (_slug(str(asked["name"])) if asked.get("name") else before.slug)
    if slug != before.slug:
        raise invalid("slug", f"would change to {slug!r}: not implemented by the local Buildkite")
    pipeline, kept_settings = _changed(before, asked), settings.changed(world, slug, asked)
    with world.ledger.database.transaction():
        world.ledger.pipelines.put(pipeline)
        world.ledger.registry.put("settings", slug, kept_settings)
    world.live.tell("builds")
    return answer(told.pipeline(world, pipeline))


async def get(request: Request) -> Response:
    """One pipeline."""
    bearer(request)
    return answer(told.pipeline(plane(request), found.pipeline(request)))


async def everything(request: Request) -> Response:
    """List the pipelines; ``name`` and ``repository`` filter by a part, whatever its case."""
    bearer(request)
    world, asked = plane(request), request.query_params
    pipelines = [
        one
        for one in world.ledger.pipelines.all()
        if all(asked[name].lower() in str(getattr(one, name)).lower() for name in FILTERS if name in asked)
    ]
    return paged(request, pipelines, lambda one: told.pipeline(world, one))


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
    """Make a pipeline read-only: no builds, no changes. What there is stays."""
    return _archived(request, at=moment(plane(request).now()))


async def unarchive(request: Request) -> Response:
    """Let an archived pipeline build and change again."""
    return _archived(request, at=None)


def _archived(request: Request, *, at: str | None) -> Response:
    bearer(request)
    world, pipeline = plane(request), found.pipeline(request)
    before = settings.shown(world, pipeline.slug)["archived_at"]
    if (before is None) is (at is None):
        raise Rejection(f"Pipeline could not be {'un' if at is None else ''}archived.")
    now = (world.ledger.registry.get("settings", pipeline.slug) or {}) | {"archived_at": at}
    world.ledger.registry.put("settings", pipeline.slug, now)
    world.live.tell("builds")
    return answer(told.pipeline(world, pipeline))


async def _asked(request: Request) -> dict[str, Any]:
    """Return the request's fields: those of the settings with their nulls, the others without."""
    asked = await fields(request)
    kept.only(asked, KNOWN | NULLABLE)
    return {name: value for name, value in asked.items() if value is not None or name in NULLABLE}


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
        **_skipping(asked),
    )


def _skipping(asked: dict[str, Any]) -> dict[str, Any]:
    """Return which older builds of a branch a new one replaces, as far as it is asked for; a null is "none"."""
    found: dict[str, Any] = {}
    for name in SKIPPING:
        if name in asked:
            found[name] = asked[name] is not None and kept.yes(asked, name, default=False)
        if f"{name}_filter" in asked:
            found[f"{name}_filter"] = kept.words(asked, f"{name}_filter") or ""
    return found


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
    Route(ALL + "/{pipeline}/unarchive", unarchive, methods=["POST"]),
]
