"""Teams, and what each may do with which pipeline. Kept, not enforced: this Buildkite has one user."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from shipping.local.engine.rejection import invalid, unknown
from shipping.local.server.rest import kept, told
from shipping.local.server.rest.access import level
from shipping.local.server.rest.paging import paged
from shipping.local.server.wire import answer, bearer, fields, plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from shipping.local.engine.records import Pipeline
    from shipping.local.server.plane import Plane

FIELDS = ("name", "description", "privacy", "is_default_team", "default_member_role", "members_can_create_pipelines")


async def teams(request: Request) -> Response:
    """List the teams."""
    bearer(request)
    return paged(request, plane(request).ledger.registry.all("team"), lambda one: one)


async def team(request: Request) -> Response:
    """One team."""
    bearer(request)
    return answer(kept.named(request, "team", "team"))


async def create(request: Request) -> Response:
    """Create a team; its slug follows from its name."""
    bearer(request)
    registry = plane(request).ledger.registry
    made = {"id": plane(request).draw_id(), **_team(await fields(request), {}), **kept.born(request)}
    if any(one["slug"] == made["slug"] for one in registry.all("team")):
        raise invalid("name", "has already been taken")
    registry.put("team", made["id"], made)
    return answer(made, 201)


async def update(request: Request) -> Response:
    """Change what is named."""
    bearer(request)
    found = kept.named(request, "team", "team")
    changed = found | _team(await fields(request), found)
    plane(request).ledger.registry.put("team", found["id"], changed)
    return answer(changed)


async def delete(request: Request) -> Response:
    """Delete the team and what it may do."""
    bearer(request)
    plane(request).ledger.registry.remove("team", kept.named(request, "team", "team")["id"])
    return Response(status_code=204)


def _team(asked: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    kept.only(asked, FIELDS)
    name = kept.required({"name": found.get("name"), **asked}, "name")
    privacy = kept.words(asked, "privacy", found.get("privacy", "visible"))
    if privacy not in {"visible", "secret"}:
        raise invalid("privacy", "must be visible or secret")
    return {
        "name": name,
        "slug": re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"),
        "description": kept.words(asked, "description", found.get("description", "")),
        "privacy": privacy,
        "default": kept.yes(asked, "is_default_team", default=found.get("default", False)),
    }


async def pipelines(request: Request) -> Response:
    """List what a team may do."""
    bearer(request)
    found = kept.named(request, "team", "team")["id"]
    return paged(request, plane(request).ledger.registry.all("team_pipeline", parent=found), lambda one: one)


async def pipeline(request: Request) -> Response:
    """What a team may do with one pipeline."""
    bearer(request)
    return answer(_place(request))


async def add(request: Request) -> Response:
    """Let a team to a pipeline."""
    bearer(request)
    found, asked, world = kept.named(request, "team", "team")["id"], await fields(request), plane(request)
    kept.only(asked, ("pipeline_id", "access_level"))
    wanted = kept.required(asked, "pipeline_id")
    there = next((one for one in world.ledger.pipelines.all() if one.id == wanted), None)
    if there is None:
        raise invalid("pipeline_id", "is not a pipeline of this organization")
    if world.ledger.registry.get("team_pipeline", f"{found}/{wanted}") is not None:
        raise invalid("pipeline_id", "has already been taken")
    return answer(let(world, found, there, level(asked.get("access_level"))) | kept.born(request), 201)


async def change(request: Request) -> Response:
    """Change what a team may do with a pipeline."""
    bearer(request)
    found, asked = _place(request), await fields(request)
    kept.only(asked, ("access_level",))
    changed = found | {"access_level": level(asked.get("access_level"))}
    parent = request.path_params["team"]
    plane(request).ledger.registry.put("team_pipeline", f"{parent}/{found['pipeline_id']}", changed, parent=parent)
    return answer(changed)


async def remove(request: Request) -> Response:
    """Take a team's access away."""
    bearer(request)
    found = _place(request)
    plane(request).ledger.registry.remove("team_pipeline", f"{request.path_params['team']}/{found['pipeline_id']}")
    return Response(status_code=204)


def let(world: Plane, team: str, pipeline: Pipeline, access: str) -> dict[str, Any]:
    """Note what a team may do with a pipeline."""
    document = {
        "access_level": access,
        "pipeline_id": pipeline.id,
        "pipeline_url": told.api(world, "pipelines", pipeline.slug),
    }
    world.ledger.registry.put("team_pipeline", f"{team}/{pipeline.id}", document, parent=team)
    return document


def _place(request: Request) -> dict[str, Any]:
    parent, wanted = kept.named(request, "team", "team")["id"], request.path_params["pipeline"]
    found = plane(request).ledger.registry.get("team_pipeline", f"{parent}/{wanted}")
    if found is None:
        raise unknown("team pipeline", wanted)
    return found


ALL = "/organizations/{organization}/teams"
ONE = ALL + "/{team}"
ROUTES = [
    Route(ALL, teams, methods=["GET"]),
    Route(ALL, create, methods=["POST"]),
    Route(ONE, team, methods=["GET"]),
    Route(ONE, update, methods=["PATCH"]),
    Route(ONE, delete, methods=["DELETE"]),
    Route(ONE + "/pipelines", pipelines, methods=["GET"]),
    Route(ONE + "/pipelines", add, methods=["POST"]),
    Route(ONE + "/pipelines/{pipeline}", pipeline, methods=["GET"]),
    Route(ONE + "/pipelines/{pipeline}", change, methods=["PATCH"]),
    Route(ONE + "/pipelines/{pipeline}", remove, methods=["DELETE"]),
]
