"""`buildkite-agent annotate` and `annotation remove`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.routing import Route

from shipping.local.engine.rejection import Rejection
from shipping.local.ledger.annotations import Annotation
from shipping.local.server.wire import answer, fields, plane, text, working

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

BODY_LIMIT = 1024 * 1024
STYLES = ("", "success", "info", "warning", "error")


async def annotate(request: Request) -> Response:
    """Create, replace or extend the annotation of a context."""
    job, world = working(request), plane(request)
    told = await fields(request)
    if text(told, "scope", "build") not in ("", "build"):
        raise Rejection("annotations of a job (--scope job) are not implemented by the local Buildkite")
    body, style = text(told, "body", ""), text(told, "style", "")
    context, priority = text(told, "context", "") or "default", told.get("priority", 3)
    if style not in STYLES:
        raise Rejection(f"style {style!r} must be one of {', '.join(STYLES[1:])}")
    if not isinstance(priority, int) or not 1 <= priority <= 10:
        raise Rejection("'priority' must be a whole number from 1 to 10")
    found = world.ledger.annotations.find(job.build, context)
    if found is not None and told.get("append") is True:
        body = found.body + body
        style = style or found.style
    if len(body.encode()) > BODY_LIMIT:
        raise Rejection(f"The annotation {context!r} is longer than {BODY_LIMIT} bytes")
    new = Annotation(
        id=world.draw_id(),
        build=job.build,
        job=job.id,
        context=context,
        style=style,
        body=body,
        priority=priority,
        created_at=world.now(),
        updated_at=world.now(),
    )
    world.ledger.annotations.put(new if found is None else replace(new, id=found.id, created_at=found.created_at))
    world.live.tell(f"annotations/{job.build}")
    return answer({"id": found.id if found else new.id}, 201)


async def remove(request: Request) -> Response:
    """Remove the annotation of a context."""
    job, world = working(request), plane(request)
    context = request.path_params["context"]
    if not world.ledger.annotations.remove(job.build, context):
        raise Rejection(f"No annotation found: {context!r}", status=404)
    world.live.tell(f"annotations/{job.build}")
    return answer({})


ROUTES = [
    Route("/jobs/{job}/annotations", annotate, methods=["POST"]),
    Route("/jobs/{job}/annotations/{context:path}", remove, methods=["DELETE"]),
]
