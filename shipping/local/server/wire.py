"""Reading requests and answering them: JSON in and out, errors as Buildkite shapes them, who is calling."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from shipping.buildkite.scopes import SCOPES, scope_of
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import TAKEN
from shipping.local.server.tokens import digest, same

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.engine.records import Agent, Job
    from shipping.local.server.plane import Plane

BODY_LIMIT = 32 * 1024 * 1024
JSON = "application/json"


def plane(request: Request) -> Plane:
    """Return the control plane that this application serves."""
    found: Plane = request.app.state.plane
    return found


def answer(content: object, status: int = 200) -> Response:
    """Return a JSON response."""
    return JSONResponse(content, status_code=status)


async def body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """Return the body; raises Rejection (413) as soon as it is longer than ``limit`` bytes."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > limit:
            raise Rejection(f"The request is longer than {limit} bytes", status=413)
    return bytes(found)


async def fields(request: Request, limit: int = BODY_LIMIT) -> dict[str, Any]:
    """Return the JSON object in the body; an empty body is an empty object."""
    kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if kind != JSON:
        raise Rejection(f"The body must be {JSON}, not {kind[:60]!r}", status=415)
    raw = await body(request, limit)
    try:
        found = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise Rejection(f"The body is not JSON that we can read: {error}", status=400) from None
    if not isinstance(found, dict):
        raise Rejection("The body must be a JSON object", status=400)
    return found


def text(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    """Return a string field; raises Rejection where it is missing or something else."""
    value = fields.get(name, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise Rejection(f"{name!r} must be a string", status=400)
    return value


def _token(request: Request, scheme: str) -> str:
    found, _, token = request.headers.get("authorization", "").partition(" ")
    if found.lower() != scheme or not token:
        raise Rejection(f"Authorization is missing: send '{scheme.title()} <token>'", status=401)
    return token.strip()


def registering(request: Request) -> None:
    """Let in who holds the registration token, or one that was made for a cluster."""
    token = _token(request, "token")
    made = plane(request).ledger.registry.get("agent_token", digest(token))
    if made is None and not same(token, plane(request).tokens.registration):
        raise Rejection("This is not the registration token of this organization", status=401)


def session(request: Request) -> Agent:
    """Return the agent whose session token came."""
    token = _token(request, "token")
    agent = plane(request).state.agents.get(plane(request).tokens.agent(token) or "")
    if agent is None:
        raise Rejection("This is not the session token of a registered agent", status=401)
    return agent


def working(request: Request) -> Job:
    """Return the job whose token came. Its token is good while an agent works on it, and no longer."""
    job = holder(request)
    if job.state not in TAKEN:
        raise Rejection(f"The job {job.id} is {job.state}: its token is no longer good", status=401)
    return job


def holder(request: Request) -> Job:
    """Return the job whose token came, whatever became of it; a path that names a job must name this one."""
    job = plane(request).state.job(plane(request).tokens.job(_token(request, "token")) or "")
    if job is None:
        raise Rejection("This is not the token of a job", status=401)
    named = request.path_params.get("job")
    if named is not None and named != job.id:
        raise Rejection("This token is for another job", status=403)
    return job


def bearer(request: Request) -> None:
    """Let in who holds a REST token with the scope that this call needs, and only to our organization."""
    granted = token_facts(request)["scopes"]
    needed = scope_of(request.method, request.url.path.removeprefix("/v2"))
    if needed is not None and needed not in granted:
        raise Rejection(f"Forbidden: this API token does not have the scope {needed!r}", status=403)
    named = request.path_params.get("organization")
    if named is not None and named != plane(request).site.organization:
        raise Rejection(f"No organization found: {named!r}", status=404)


def token_facts(request: Request) -> dict[str, Any]:
    """Return what is known of the REST token that came; raises Rejection (401) where it is none of ours."""
    token, world = _token(request, "bearer"), plane(request)
    if same(token, world.tokens.api):
        return {"uuid": world.site.organization_id, "scopes": list(SCOPES), "description": "Of this local Buildkite"}
    # Found by its digest: how long that takes says nothing about the token.
    made = world.ledger.registry.get("access_token", digest(token))
    if made is None:
        raise Rejection("Authentication required: this is not an API token of this organization", status=401)
    return made
