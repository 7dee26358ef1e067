"""Annotations of a build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from shipping.local.server.moments import moment
from shipping.local.server.page.markdown import rendered
from shipping.local.server.rest import found
from shipping.local.server.rest.paging import paged
from shipping.local.server.wire import bearer, plane

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.ledger.annotations import Annotation


async def of_build(request: Request) -> Response:
    """List a build's annotations, rendered."""
    bearer(request)
    return paged(request, plane(request).ledger.annotations.all(found.build(request).id), _told)


def _told(annotation: Annotation) -> dict[str, Any]:
    return {
        "id": annotation.id,
        "context": annotation.context,
        "style": annotation.style or None,
        "priority": annotation.priority,
        "scope": "build",
        "body_html": rendered(annotation.body),
        "created_at": moment(annotation.created_at),
        "updated_at": moment(annotation.updated_at),
    }


ROUTES = [
    Route("/organizations/{organization}/pipelines/{pipeline}/builds/{number}/annotations", of_build, methods=["GET"])
]
