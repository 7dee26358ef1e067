"""An agent's own life: register, connect, ping, heartbeat, disconnect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from pipeline_gen.clock import rfc3339
from shipping.local.engine.events import AgentLeft, AgentPinged, AgentRegistered, AgentSeen, AgentStopped
from shipping.local.engine.records import Agent
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import JobState
from shipping.local.server.wire import answer, fields, plane, registering, session, text

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def register(request: Request) -> Response:
    """Let an agent in; its session token is in the answer."""
    registering(request)
    told = await fields(request)
    if told.get("ignore_in_dispatches") is True:
        raise Rejection("Agents that acquire one job (--acquire-job) are not implemented by the local Buildkite")
    tags = told.get("meta_data") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Rejection("'meta_data' must be a list of 'key=value'", status=400)
    world = plane(request)
    agent_id = world.draw_id()
    agent = Agent(
        id=agent_id,
        # An agent that leaves its name to us gets one.
        name=text(told, "name", "") or f"agent-{agent_id[:8]}",
        registered_at=world.now(),
        hostname=text(told, "hostname", ""),
        version=text(told, "version", ""),
        os=text(told, "os", ""),
        arch=text(told, "arch", ""),
        pid=told["pid"] if isinstance(told.get("pid"), int) else 0,
        priority=_priority(told.get("priority")),
        tags=tuple(tags),
    )
    world.apply(AgentRegistered(at=world.now(), agent=agent))
    return answer(
        {
            "id": agent.id,
            "name": agent.name,
            "access_token": world.tokens.of_agent(agent.id),
            "ping_interval": world.pace.ping,
            "job_status_interval": world.pace.job_status,
            "heartbeat_interval": world.pace.heartbeat,
            "meta_data": list(agent.tags),
        }
    )


async def connect(request: Request) -> Response:
    """The agent is ready for work."""
    agent, world = session(request), plane(request)
    world.apply(AgentSeen(at=world.now(), agent=agent.id))
    return answer({"id": agent.id, "connection_state": "connected"})


async def ping(request: Request) -> Response:
    """Answer with the job that the agent is to accept. Until it has, each ping names the same one."""
    agent, world = session(request), plane(request)
    world.apply(AgentPinged(at=world.now(), agent=agent.id))
    agent = world.state.agents[agent.id]
    if agent.job is not None:
        job = world.state.job(agent.job)
        if job is not None and job.state in (JobState.ASSIGNED, JobState.ACCEPTED):
            return answer({"action": "", "job": {"id": job.id}})
        return answer({})
    return answer({"action": "disconnect", "message": "asked to stop"} if agent.stopping else {})


async def heartbeat(request: Request) -> Response:
    """A sign of life, also while a job runs."""
    agent, world = session(request), plane(request)
    sent = (await fields(request)).get("sent_at")
    world.apply(AgentSeen(at=world.now(), agent=agent.id))
    return answer({"sent_at": sent, "received_at": rfc3339(world.clock.now())})


async def disconnect(request: Request) -> Response:
    """The agent says goodbye."""
    agent, world = session(request), plane(request)
    world.apply(AgentLeft(at=world.now(), agent=agent.id))
    return answer({})


async def stop(request: Request) -> Response:
    """`buildkite-agent stop`: go after the job, or with ``force`` now."""
    agent, world = session(request), plane(request)
    told = await fields(request)
    world.apply(AgentStopped(at=world.now(), agent=agent.id, force=told.get("force") is True))
    return answer({})


async def token(request: Request) -> Response:
    """What a registration token is: for whoever has found one."""
    registering(request)
    site = plane(request).site
    return answer(
        {
            "uuid": site.organization_id,
            "description": "Of this local Buildkite",
            "token_type": "agent",
            "organization_slug": site.organization,
            "organization_uuid": site.organization_id,
        }
    )


async def absent(request: Request) -> Response:
    """Refuse what newer agents and autoscalers ask for: pausing, and the queues' metrics."""
    raise Rejection(f"{request.url.path.rpartition('/')[2]} is not implemented by the local Buildkite")


def _priority(value: object) -> int:
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else 0


ROUTES = [
    Route("/register", register, methods=["POST"]),
    Route("/connect", connect, methods=["POST"]),
    Route("/ping", ping, methods=["GET"]),
    Route("/heartbeat", heartbeat, methods=["POST"]),
    Route("/disconnect", disconnect, methods=["POST"]),
    Route("/stop", stop, methods=["POST"]),
    Route("/token", token, methods=["GET"]),
    Route("/pause", absent, methods=["POST"]),
    Route("/resume", absent, methods=["POST"]),
    Route("/metrics", absent, methods=["GET"]),
]
