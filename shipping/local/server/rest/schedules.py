"""Schedules of a pipeline. Kept and shown; nothing here builds by the clock, and each schedule says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from shipping.local.engine.rejection import invalid
from shipping.local.engine.values import variables
from shipping.local.server.rest import found, kept, told
from shipping.local.server.rest.paging import paged
from shipping.local.server.wire import answer, bearer, fields, plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from shipping.local.engine.records import Pipeline

FIELDS = ("label", "cronline", "message", "commit", "branch", "env", "enabled")
EVERY = re.compile(r"@(hourly|daily|midnight|weekly|monthly|yearly|annually)")
CRONTAB = re.compile(r"[0-9*][0-9*,/-]*( [0-9A-Za-z*][0-9A-Za-z*,/#-]*){4}( [A-Za-z]+(/[A-Za-z_]+)*)?")
NOT_HERE = "The local Buildkite starts no builds by the clock: start one with `ship local build`"


async def everything(request: Request) -> Response:
    """List a pipeline's schedules, newest first."""
    bearer(request)
    pipeline = found.pipeline(request)
    schedules = plane(request).ledger.registry.all("schedule", parent=pipeline.slug)
    return paged(request, schedules[::-1], lambda one: _told(request, pipeline, one))


async def get(request: Request) -> Response:
    """One schedule."""
    bearer(request)
    pipeline = found.pipeline(request)
    return answer(_told(request, pipeline, kept.named(request, "schedule", "schedule", parent=pipeline.slug)))


async def create(request: Request) -> Response:
    """Create a schedule."""
    bearer(request)
    pipeline, asked = found.pipeline(request), await fields(request)
    kept.required(asked, "cronline")
    fresh: dict[str, Any] = {
        "label": None,
        "message": None,
        "commit": "HEAD",
        "branch": pipeline.default_branch,
        "env": {},
    }
    made = {"id": plane(request).draw_id(), **_changed({**fresh, "enabled": True}, asked), **kept.born(request)}
    plane(request).ledger.registry.put("schedule", made["id"], made, parent=pipeline.slug)
    return answer(_told(request, pipeline, made), 201)


async def update(request: Request) -> Response:
    """Change what is named."""
    bearer(request)
    pipeline = found.pipeline(request)
    schedule = kept.named(request, "schedule", "schedule", parent=pipeline.slug)
    changed = _changed(schedule, await fields(request))
    plane(request).ledger.registry.put("schedule", schedule["id"], changed, parent=pipeline.slug)
    return answer(_told(request, pipeline, changed))


async def delete(request: Request) -> Response:
    """Delete a schedule."""
    bearer(request)
    pipeline = found.pipeline(request)
    schedule = kept.named(request, "schedule", "schedule", parent=pipeline.slug)
    plane(request).ledger.registry.remove("schedule", schedule["id"])
    return Response(status_code=204)


def _changed(schedule: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    kept.only(asked, FIELDS)
    changed = {**schedule, **{name: kept.words(asked, name) for name in FIELDS[:5] if name in asked}}
    changed["enabled"] = kept.yes(asked, "enabled", default=schedule["enabled"])
    cronline = changed["cronline"] or ""
    if not EVERY.fullmatch(cronline) and not CRONTAB.fullmatch(cronline):
        raise invalid("cronline", "must be a predefined interval, such as @daily, or five fields of crontab")
    if "env" in asked:
        try:
            changed["env"] = variables(asked["env"])
        except ValueError as error:
            raise invalid("env", str(error)) from None
    return changed


def _told(request: Request, pipeline: Pipeline, schedule: Mapping[str, Any]) -> dict[str, Any]:
    above = told.api(plane(request), "pipelines", pipeline.slug)
    return {
        **schedule,
        "url": f"{above}/schedules/{schedule['id']}",
        "next_build_at": None,
        "failed_message": NOT_HERE if schedule["enabled"] else None,
        "failed_at": None,
        "pipeline": {"id": pipeline.id, "slug": pipeline.slug, "url": above},
    }


ALL = "/organizations/{organization}/pipelines/{pipeline}/schedules"
ROUTES = [
    Route(ALL, everything, methods=["GET"]),
    Route(ALL, create, methods=["POST"]),
    Route(ALL + "/{schedule}", get, methods=["GET"]),
    Route(ALL + "/{schedule}", update, methods=["PUT"]),
    Route(ALL + "/{schedule}", delete, methods=["DELETE"]),
]
