"""The organization, its one user, and the token that asks."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from shipping.buildkite.scopes import SCOPES
from shipping.local.engine.rejection import Rejection, invalid
from shipping.local.server.rest import kept, told
from shipping.local.server.rest.paging import paged
from shipping.local.server.tokens import digest, same
from shipping.local.server.wire import answer, bearer, fields, plane, token_facts

if TYPE_CHECKING:
    from starlette.requests import Request


async def everything(request: Request) -> Response:
    """List the organizations: there is one."""
    bearer(request)
    return paged(request, [_organization(request)], lambda one: one)


async def get(request: Request) -> Response:
    """The organization."""
    bearer(request)
    return answer(_organization(request))


def _organization(request: Request) -> dict[str, Any]:
    world = plane(request)
    return {
        "id": world.site.organization_id,
        "slug": world.site.organization,
        "name": "Local",
        "url": told.api(world),
        "web_url": world.site.url,
        "pipelines_url": told.api(world, "pipelines"),
        "agents_url": told.api(world, "agents"),
        "emojis_url": told.api(world, "emojis"),
        "created_at": None,
    }


async def user(request: Request) -> Response:
    """The user whose token this is."""
    bearer(request)
    return answer(kept.person(request))


async def token(request: Request) -> Response:
    """What the token that asks may do."""
    bearer(request)
    return answer(token_facts(request) | {"user": kept.person(request)})


async def make_token(request: Request) -> Response:
    """Make a token of few scopes, to try what a program does with it. Buildkite has a page for this, no endpoint."""
    bearer(request)
    world = plane(request)
    _must_be_the_first(request)
    asked = await fields(request)
    kept.only(asked, ("description", "scopes"))
    scopes = asked.get("scopes")
    if not isinstance(scopes, list) or any(scope not in SCOPES for scope in scopes):
        raise invalid("scopes", f"must be a list of {', '.join(SCOPES)}")
    made = f"bkua_{secrets.token_hex(20)}"
    facts = {
        "uuid": world.draw_id(),
        "scopes": scopes,
        "description": kept.required(asked, "description"),
        "created_at": kept.born(request)["created_at"],
    }
    world.ledger.registry.put("access_token", digest(made), facts)
    return answer(facts | {"token": made}, 201)


async def revoke(request: Request) -> Response:
    """Revoke the token that asks; the world's own stays, or nobody could come in again."""
    bearer(request)
    found = request.headers["authorization"].partition(" ")[2].strip()
    if same(found, plane(request).tokens.api):
        raise Rejection("The local Buildkite's own token is not revoked: end it with `ship local down`")
    plane(request).ledger.registry.remove("access_token", digest(found))
    return Response(status_code=204)


def _must_be_the_first(request: Request) -> None:
    found = request.headers["authorization"].partition(" ")[2].strip()
    if not same(found, plane(request).tokens.api):
        raise Rejection("Forbidden: only the local Buildkite's own token makes others", status=403)


async def meta(request: Request) -> Response:
    """The addresses that webhooks come from: our own."""
    bearer(request)
    return answer({"webhook_ips": ["127.0.0.1"]})


ROUTES = [
    Route("/organizations", everything, methods=["GET"]),
    Route("/organizations/{organization}", get, methods=["GET"]),
    Route("/user", user, methods=["GET"]),
    Route("/access-token", token, methods=["GET"]),
    Route("/access-token", make_token, methods=["POST"]),
    Route("/access-token", revoke, methods=["DELETE"]),
    Route("/meta", meta, methods=["GET"]),
]
