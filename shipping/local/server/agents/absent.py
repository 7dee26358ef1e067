"""What exists at Buildkite and not here, refused by name rather than with a bare 404."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from shipping.local.engine.rejection import Rejection
from shipping.local.server.wire import working

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

LATER = "not implemented by the local Buildkite"

# Path, method, what is refused, status. 404 where the agent has an answer of its own to "there is none".
ABSENT = (
    ("/jobs/{job}/secrets", "GET", f"No secret found: secrets are {LATER}", 404),
    ("/jobs/{job}/oidc/tokens", "POST", f"OIDC tokens are {LATER}", 422),
    ("/jobs/{job}/repository_access_token", "POST", f"repository access tokens are {LATER}", 422),
    ("/jobs/{job}/promise_failure", "PUT", f"job promise-failure is {LATER}", 422),
    ("/jobs/{job}", "PUT", f"job update is {LATER}", 422),
    ("/steps/{step}/cancel", "POST", f"step cancel is {LATER}", 422),
    ("/builds/{build}/cancel", "POST", f"build cancel from a job is {LATER}", 422),
    ("/cache_registries/{rest:path}", "GET", "Cache registry not found", 404),
    ("/cache_registries/{rest:path}", "POST", "Cache registry not found", 404),
    ("/cache_registries/{rest:path}", "PUT", "Cache registry not found", 404),
)


def _refusing(message: str, status: int) -> Callable[[Request], Awaitable[Response]]:
    async def refuse(request: Request) -> Response:
        working(request)
        raise Rejection(message, status=status)

    return refuse


async def stream(_: Request) -> Response:
    """Tell newer agents for good that there is no stream of pings: they poll then."""
    raise Rejection(f"streaming pings are {LATER}: use polling", status=404)


STREAM = [Route("/agentedge.v1.AgentEdgeService/{method}", stream, methods=["POST"])]
ROUTES = [Route(path, _refusing(message, status), methods=[method]) for path, method, message, status in ABSENT]
