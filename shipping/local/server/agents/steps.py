"""`buildkite-agent step get` and `step update`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.routing import Route

from shipping.local.engine.change import describe
from shipping.local.engine.events import StepChanged
from shipping.local.engine.rejection import Rejection
from shipping.local.server.wire import answer, fields, plane, text, working

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.engine.records import State, Step


async def export(request: Request) -> Response:
    """Give one attribute, or all. Texts as they are, everything else (and with ``format: json`` all) as JSON."""
    job, world = working(request), plane(request)
    told = await fields(request)
    step = _find(world.state, text(told, "build_id", "") or job.build, request.path_params["step"])
    attribute, wanted = text(told, "attribute", ""), text(told, "format", "")
    if wanted not in ("", "json", "string"):
        raise Rejection(f"format {wanted!r} must be json or string", status=400)
    described = describe(world.state, step)
    # 400, not 422: the agent asks again for ten minutes on any other 4xx.
    if attribute and attribute not in described:
        raise Rejection(f"step attribute {attribute!r} must be one of {', '.join(sorted(described))}", status=400)
    value = described[attribute] if attribute else described
    plain = isinstance(value, (str, int)) and wanted != "json"
    return answer({"output": str(value) if plain else "" if value is None and wanted != "json" else json.dumps(value)})


async def update(request: Request) -> Response:
    """Change a step of the job's own build."""
    job, world = working(request), plane(request)
    told = await fields(request)
    if text(told, "build_id", "") not in ("", job.build):
        raise Rejection("A job can update the steps of its own build only", status=403)
    step = _find(world.state, job.build, request.path_params["step"])
    world.apply(
        StepChanged(
            at=world.now(),
            build=job.build,
            step=step.id,
            uuid=text(told, "idempotency_uuid"),
            attribute=text(told, "attribute"),
            value=text(told, "value", ""),
            append=told.get("append") is True,
        )
    )
    return answer({})


def _find(state: State, build: str, name: str) -> Step:
    for step in state.steps.get(build, {}).values():
        if name in (step.id, step.key):
            return step
    raise Rejection(f"No step found: {name!r}", status=404)


ROUTES = [
    Route("/steps/{step}/export", export, methods=["POST"]),
    Route("/steps/{step}", update, methods=["PUT"]),
]
