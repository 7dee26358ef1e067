"""The application: every route, and who may even knock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, Route

from pipeline_gen.errors import InfraError
from shipping.local.engine.rejection import Rejection
from shipping.local.server import errors, files
from shipping.local.server.agents import absent, artifacts, jobs, metadata, sessions, steps, uploads
from shipping.local.server.agents import annotations as agent_annotations
from shipping.local.server.page import actions, events, hosts, job, rendering, views
from shipping.local.server.page.guard import Guard
from shipping.local.server.rest import agents as rest_agents
from shipping.local.server.rest import annotations as rest_annotations
from shipping.local.server.rest import artifacts as rest_artifacts
from shipping.local.server.rest import builds as rest_builds
from shipping.local.server.rest import clusters as rest_clusters
from shipping.local.server.rest import jobs as rest_jobs
from shipping.local.server.rest import organizations as rest_organizations
from shipping.local.server.rest import pipelines as rest_pipelines
from shipping.local.server.rest import schedules as rest_schedules
from shipping.local.server.rest import teams as rest_teams
from shipping.local.server.triggered import start_triggered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from shipping.local.server.plane import Plane

LOG = logging.getLogger(__name__)
AGENT_API = [sessions, jobs, uploads, metadata, artifacts, agent_annotations, steps, absent]
REST_API = [
    rest_organizations,
    rest_pipelines,
    rest_schedules,
    rest_builds,
    rest_jobs,
    rest_artifacts,
    rest_annotations,
    rest_agents,
    rest_clusters,
    rest_teams,
]
# "builds/new" is asked before "builds/{number}".
PAGE = [rendering, events, actions, hosts, views, job]
HOSTS = ["127.0.0.1", "localhost"]
"""Other names for this machine are refused: a web page elsewhere may point its own name here (DNS rebinding)."""


def application(plane: Plane) -> Starlette:
    """Return the application around a control plane."""

    files.sweep(plane.artifacts)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        working = [asyncio.create_task(_tick(plane)), asyncio.create_task(start_triggered(plane))]
        yield
        for task in working:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    app = Starlette(
        routes=[
            Mount("/v3", routes=[route for room in AGENT_API for route in room.ROUTES]),
            Mount("/v2", routes=[route for room in REST_API for route in room.ROUTES]),
            Route("/uploads/{secret}", artifacts.upload, methods=["POST"]),
            *absent.STREAM,
            *files.ROUTES,
            *(route for room in PAGE for route in room.ROUTES),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS), Middleware(_Slashes)],
        exception_handlers={
            Rejection: errors.rejected,
            HTTPException: errors.unanswered,
            InfraError: errors.unkept,
            Exception: errors.failed,
        },
        lifespan=lifespan,
    )
    app.state.plane = plane
    app.state.guard = Guard()
    return app


class _Slashes:
    """pybuildkite ends some paths with a slash and others not: both mean the same."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v2/"):
            scope = {**scope, "path": scope["path"].rstrip("/")}
        await self.app(scope, receive, send)


async def _tick(plane: Plane) -> None:
    """Let time pass. What cannot be written now is tried again with the next tick, and said once."""
    said, seen = "", hosts.snapshot(plane)
    while True:
        await asyncio.sleep(plane.pace.tick)
        try:
            plane.tick()
        except InfraError as error:
            if said != (said := errors.sentence(error)):
                LOG.warning("%s", said)
        else:
            said = ""
        # Hosts tell nobody here: they are looked at, while somebody looks at them.
        if plane.live.watched(hosts.TOPIC) and seen != (seen := hosts.snapshot(plane)):
            plane.live.tell(hosts.TOPIC)
