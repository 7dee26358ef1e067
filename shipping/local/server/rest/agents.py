"""Agents: list, get, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from shipping.local.engine.events import AgentStopped
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import AgentState
from shipping.local.server.rest import told
from shipping.local.server.rest.paging import paged
from shipping.local.server.wire import answer, bearer, fields, plane

if TYPE_CHECKING:
    from starlette.requests import Request

    from shipping.local.engine.records import Agent

FILTERS = ("name", "hostname", "version")


async def connected(request: Request) -> Response:
    """List the agents that are there; those that left are gone from Buildkite's list too."""
    bearer(request)
    world, asked = plane(request), request.query_params
    agents = [
        agent
        for agent in world.state.agents.values()
        if agent.state is AgentState.CONNECTED
        and all(asked[name] == getattr(agent, name) for name in FILTERS if asked.get(name))
    ]
    return paged(request, agents, lambda agent: told.agent(world, agent))


async def get(request: Request) -> Response:
    """One agent."""
    bearer(request)
    return answer(told.agent(plane(request), _agent(request)))


async def stop(request: Request) -> Response:
    """Let the agent finish its job and go; with ``force`` (the default) its job is canceled."""
    bearer(request)
    world, agent = plane(request), _agent(request)
    force = (await fields(request)).get("force", True) is not False
    world.apply(AgentStopped(at=world.now(), agent=agent.id, force=force))
    return Response(status_code=204)


async def pause(request: Request) -> Response:
    """Refuse: an agent here is stopped, not paused."""
    bearer(request)
    _agent(request)
    raise Rejection("pausing and resuming agents is not implemented by the local Buildkite: stop the agent")


def _agent(request: Request) -> Agent:
    agent = plane(request).state.agents.get(request.path_params["agent"])
    if agent is None:
        raise Rejection(f"No agent found: {request.path_params['agent']!r}", status=404)
    return agent


ALL = "/organizations/{organization}/agents"
ROUTES = [
    Route(ALL, connected, methods=["GET"]),
    Route(ALL + "/{agent}", get, methods=["GET"]),
    Route(ALL + "/{agent}/stop", stop, methods=["PUT"]),
    Route(ALL + "/{agent}/pause", pause, methods=["PUT"]),
    Route(ALL + "/{agent}/resume", pause, methods=["PUT"]),
]
