"""`buildkite-agent pipeline upload`: applied at once, so the agent never has to ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from shipping.local.engine.events import PipelineUploaded
from shipping.local.engine.rejection import Rejection
from shipping.local.server.wire import answer, fields, plane, text, working

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def upload(request: Request) -> Response:
    """Apply the upload; its uuid makes a repeated one harmless."""
    job, world = working(request), plane(request)
    told = await fields(request)
    if told.get("replace"):
        raise Rejection("pipeline upload --replace is not implemented by the local Buildkite")
    event = PipelineUploaded(
        at=world.now(),
        job=job.id,
        uuid=text(told, "uuid"),
        document=told.get("pipeline"),
        pipelines=world.pipelines(),
    )
    world.apply(event)
    return answer({"state": "applied"})


async def status(request: Request) -> Response:
    """Say that an upload was applied: it is, before the agent can ask."""
    job, world = working(request), plane(request)
    if request.path_params["uuid"] not in world.state.builds[job.build].uploads:
        raise Rejection(f"No upload found: {request.path_params['uuid']!r}", status=404)
    return answer({"state": "applied", "message": ""})


ROUTES = [
    Route("/jobs/{job}/pipelines", upload, methods=["POST"]),
    Route("/jobs/{job}/pipelines/{uuid}", status, methods=["GET"]),
]
