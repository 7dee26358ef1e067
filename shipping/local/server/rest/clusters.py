"""Clusters, their queues, and the tokens that let agents in. Kept, not enforced: every agent here serves every cluster."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from shipping.local.engine.rejection import invalid
from shipping.local.server.rest import kept, told
from shipping.local.server.rest.paging import paged
from shipping.local.server.tokens import digest
from shipping.local.server.wire import answer, bearer, fields, plane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
LOOKS = ("description", "emoji", "color")


async def clusters(request: Request) -> Response:
    """List the clusters."""
    bearer(request)
    return paged(request, plane(request).ledger.registry.all("cluster"), lambda one: _cluster(request, one))


async def cluster(request: Request) -> Response:
    """One cluster."""
    bearer(request)
    return answer(_cluster(request, kept.named(request, "cluster", "cluster")))


async def create(request: Request) -> Response:
    """Create a cluster; its name must be free."""
    bearer(request)
    asked = await fields(request)
    kept.only(asked, ("name", *LOOKS))
    name = kept.required(asked, "name")
    _free(request, name)
    made = {"id": plane(request).draw_id(), "name": name, "default_queue_id": None, **kept.born(request)}
    made |= {look: kept.words(asked, look) for look in LOOKS}
    plane(request).ledger.registry.put("cluster", made["id"], made)
    return answer(_cluster(request, made), 201)


async def update(request: Request) -> Response:
    """Change what is named; the default queue must be one of the cluster's own."""
    bearer(request)
    found, asked = kept.named(request, "cluster", "cluster"), await fields(request)
    kept.only(asked, ("name", "default_queue_id", *LOOKS))
    if "name" in asked and asked["name"] != found["name"]:
        _free(request, kept.required(asked, "name"))
    queue = kept.words(asked, "default_queue_id", found["default_queue_id"])
    if queue is not None and plane(request).ledger.registry.get("queue", queue, parent=found["id"]) is None:
        raise invalid("default_queue_id", "is not a queue of this cluster")
    changed = found | {name: kept.words(asked, name) for name in ("name", *LOOKS) if name in asked}
    changed["default_queue_id"] = queue
    plane(request).ledger.registry.put("cluster", found["id"], changed)
    return answer(_cluster(request, changed))


async def delete(request: Request) -> Response:
    """Delete the cluster with its queues and tokens; refused while a pipeline is in it."""
    bearer(request)
    found, registry = kept.named(request, "cluster", "cluster"), plane(request).ledger.registry
    for pipeline in plane(request).ledger.pipelines.all():
        if (registry.get("settings", pipeline.slug) or {}).get("cluster_id") == found["id"]:
            raise invalid("id", f"is the cluster of the pipeline {pipeline.slug!r}")
    registry.remove("cluster", found["id"])
    return Response(status_code=204)


def _free(request: Request, name: str) -> None:
    if any(one["name"] == name for one in plane(request).ledger.registry.all("cluster")):
        raise invalid("name", "has already been taken")


def _cluster(request: Request, found: Mapping[str, Any]) -> dict[str, Any]:
    here = told.api(plane(request), "clusters", found["id"])
    queue = found["default_queue_id"]
    return {
        **found,
        "url": here,
        "web_url": here,
        "queues_url": f"{here}/queues",
        "default_queue_url": None if queue is None else f"{here}/queues/{queue}",
    }


async def queues(request: Request) -> Response:
    """List a cluster's queues."""
    bearer(request)
    parent = kept.named(request, "cluster", "cluster")["id"]
    found = plane(request).ledger.registry.all("queue", parent=parent)
    return paged(request, found, lambda one: _queue(request, parent, one))


async def queue(request: Request) -> Response:
    """One queue."""
    bearer(request)
    parent = kept.named(request, "cluster", "cluster")["id"]
    return answer(_queue(request, parent, kept.named(request, "queue", "queue", parent=parent)))


async def create_queue(request: Request) -> Response:
    """Create a queue; its key must be free in the cluster."""
    bearer(request)
    parent, registry = kept.named(request, "cluster", "cluster")["id"], plane(request).ledger.registry
    asked = await fields(request)
    kept.only(asked, ("key", "description"))
    key = kept.required(asked, "key")
    if not KEY.fullmatch(key):
        raise invalid("key", "must be letters, digits, '-' and '_'")
    if any(one["key"] == key for one in registry.all("queue", parent=parent)):
        raise invalid("key", "has already been taken")
    made = {
        "id": plane(request).draw_id(),
        "key": key,
        "description": kept.words(asked, "description"),
        "dispatch_paused": False,
        **kept.born(request),
    }
    registry.put("queue", made["id"], made, parent=parent)
    return answer(_queue(request, parent, made), 201)


async def update_queue(request: Request) -> Response:
    """Change a queue's description."""
    bearer(request)
    parent = kept.named(request, "cluster", "cluster")["id"]
    found, asked = kept.named(request, "queue", "queue", parent=parent), await fields(request)
    kept.only(asked, ("description",))
    changed = found | {"description": kept.words(asked, "description", found["description"])}
    plane(request).ledger.registry.put("queue", found["id"], changed, parent=parent)
    return answer(_queue(request, parent, changed))


async def delete_queue(request: Request) -> Response:
    """Delete a queue; the cluster's default stays."""
    bearer(request)
    parent = kept.named(request, "cluster", "cluster")
    found = kept.named(request, "queue", "queue", parent=parent["id"])
    if parent["default_queue_id"] == found["id"]:
        raise invalid("id", "is the cluster's default queue")
    plane(request).ledger.registry.remove("queue", found["id"])
    return Response(status_code=204)


def _queue(request: Request, parent: str, found: Mapping[str, Any]) -> dict[str, Any]:
    above = told.api(plane(request), "clusters", parent)
    here = f"{above}/queues/{found['id']}"
    return {**found, "url": here, "web_url": here, "cluster_url": above}


async def tokens(request: Request) -> Response:
    """List a cluster's agent tokens, without the tokens themselves."""
    bearer(request)
    parent = kept.named(request, "cluster", "cluster")["id"]
    return paged(request, plane(request).ledger.registry.all("agent_token", parent=parent), lambda one: one)


async def create_token(request: Request) -> Response:
    """Make a token that lets agents register. It is told this once, and kept only as its digest."""
    bearer(request)
    parent, asked = kept.named(request, "cluster", "cluster")["id"], await fields(request)
    kept.only(asked, ("description",))
    made = f"bkct_{secrets.token_urlsafe(32)}"
    facts = {"id": digest(made), "description": kept.required(asked, "description"), **kept.born(request)}
    plane(request).ledger.registry.put("agent_token", facts["id"], facts, parent=parent)
    return answer(facts | {"token": made}, 201)


async def delete_token(request: Request) -> Response:
    """Revoke an agent token: agents that are in stay in."""
    bearer(request)
    parent = kept.named(request, "cluster", "cluster")["id"]
    plane(request).ledger.registry.remove(
        "agent_token", kept.named(request, "agent_token", "token", parent=parent)["id"]
    )
    return Response(status_code=204)


ALL = "/organizations/{organization}/clusters"
ONE = ALL + "/{cluster}"
ROUTES = [
    Route(ALL, clusters, methods=["GET"]),
    Route(ALL, create, methods=["POST"]),
    Route(ONE, cluster, methods=["GET"]),
    Route(ONE, update, methods=["PUT"]),
    Route(ONE, delete, methods=["DELETE"]),
    Route(ONE + "/queues", queues, methods=["GET"]),
    Route(ONE + "/queues", create_queue, methods=["POST"]),
    Route(ONE + "/queues/{queue}", queue, methods=["GET"]),
    Route(ONE + "/queues/{queue}", update_queue, methods=["PUT"]),
    Route(ONE + "/queues/{queue}", delete_queue, methods=["DELETE"]),
    Route(ONE + "/tokens", tokens, methods=["GET"]),
    Route(ONE + "/tokens", create_token, methods=["POST"]),
    Route(ONE + "/tokens/{token}", delete_token, methods=["DELETE"]),
]
