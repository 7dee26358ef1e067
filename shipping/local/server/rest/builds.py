"""Builds: create, list, get, cancel."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from shipping.local.engine.events import BuildCanceled, BuildCreated
from shipping.local.engine.records import Author, Build, PullRequest
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.values import meta_data, variables
from shipping.local.server.rest import found, settings, told
from shipping.local.server.rest.configuration import document
from shipping.local.server.rest.paging import paged
from shipping.local.server.rest.revision import Revision, resolve
from shipping.local.server.wire import answer, bearer, fields, plane, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.engine.records import Pipeline
    from shipping.local.server.plane import Plane

KNOWN = {
    "commit",
    "branch",
    "message",
    "env",
    "meta_data",
    "author",
    "clean_checkout",
    # No pushes make builds here, so no pipeline's branch filter keeps one from being made.
    "ignore_pipeline_branch_filters",
    "pull_request_base_branch",
    "pull_request_id",
    "pull_request_repository",
    "pull_request_labels",
    # Ours: at Buildkite only a webhook tells that a pull request is a draft.
    "pull_request_draft",
}


async def create(request: Request) -> Response:
    """Create a build of a commit; HEAD is the branch's tip."""
    bearer(request)
    world, pipeline = plane(request), found.pipeline(request)
    return answer(told.build(world, await begin(world, pipeline, await fields(request))), 201)


async def begin(world: Plane, pipeline: Pipeline, wanted: Mapping[str, Any]) -> Build:
    """Create the build that is asked for by Buildkite's names; raises Rejection."""
    settings.refuse_archived(world, pipeline)
    asked = {name: value for name, value in wanted.items() if value is not None}
    for name in asked.keys() - KNOWN:
        raise Rejection(f"build attribute {name!r} is not implemented by the local Buildkite")
    branch = text(asked, "branch", "") or pipeline.default_branch
    revision = Revision(commit=text(asked, "commit", "") or "HEAD", branch=branch, message=text(asked, "message", ""))
    revision = await resolve(world.shell, pipeline.repository, revision)
    event = BuildCreated(
        at=world.now(),
        id=world.draw_id(),
        pipeline=pipeline,
        document=document(pipeline.configuration),
        branch=branch,
        commit=revision.commit,
        message=revision.message,
        author=_author(asked.get("author")),
        env=_map(asked, "env", variables)
        | ({"BUILDKITE_CLEAN_CHECKOUT": "true"} if _flag(asked, "clean_checkout") else {}),
        meta_data=_map(asked, "meta_data", meta_data),
        pull_request=_pull_request(asked),
        pipelines=world.pipelines(),
    )
    world.apply(event)
    return world.state.builds[event.id]


def _map(asked: dict[str, Any], name: str, reader: Callable[[object], dict[str, str]]) -> dict[str, str]:
    try:
        return reader(asked.get(name))
    except ValueError as error:
        raise Rejection(f"{name!r} {error}") from None


def _author(asked: object) -> Author:
    if asked is None:
        return Author()
    if not isinstance(asked, dict):
        raise Rejection("'author' must be a map with name and email")
    return Author(name=text(asked, "name", Author().name), email=text(asked, "email", Author().email))


def _flag(asked: dict[str, Any], name: str) -> bool:
    value = asked.get(name, False)
    if not isinstance(value, bool):
        raise Rejection(f"{name!r} must be true or false")
    return value


def _pull_request(asked: dict[str, Any]) -> PullRequest | None:
    if "pull_request_id" not in asked:
        return None
    number, labels = asked["pull_request_id"], asked.get("pull_request_labels") or []
    if isinstance(number, bool) or not str(number).isascii() or not str(number).isdigit():
        raise Rejection(f"'pull_request_id' must be a number, not {number!r}")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise Rejection("'pull_request_labels' must be a list of strings")
    return PullRequest(
        id=str(number),
        base_branch=text(asked, "pull_request_base_branch", ""),
        repository=text(asked, "pull_request_repository", ""),
        labels=tuple(labels),
        draft=_flag(asked, "pull_request_draft"),
    )


async def everywhere(request: Request) -> Response:
    """List the builds of all pipelines."""
    bearer(request)
    return _list(request, lambda _: True)


async def of_pipeline(request: Request) -> Response:
    """List a pipeline's builds."""
    bearer(request)
    slug = found.pipeline(request).slug
    return _list(request, lambda build: build.pipeline.slug == slug)


def _list(request: Request, wanted: Callable[[Build], bool]) -> Response:
    """Answer with the builds, newest first, that all filters let through."""
    world, asked = plane(request), request.query_params
    retried = asked.get("include_retried_jobs", "").lower() == "true"
    builds = [one for one in reversed(tuple(world.state.builds.values())) if wanted(one) and _passes(one, asked)]
    for name, value in asked.multi_items():
        if name.startswith("meta_data["):
            key = name.removeprefix("meta_data[").removesuffix("]")
            builds = [one for one in builds if world.ledger.meta_data.get(one.id, key) == value]
    return paged(request, builds, lambda one: told.build(world, one, retried=retried))


def _passes(build: Build, asked: QueryParams) -> bool:
    states = set(asked.getlist("state") + asked.getlist("state[]"))
    if "finished" in states:
        states |= told.ANY_FINISHED
    branches = asked.getlist("branch") + asked.getlist("branch[]")
    commits = asked.getlist("commit") + asked.getlist("commit[]")
    times = (
        ("created_from", build.created_at, 1),
        ("created_to", build.created_at, -1),
        ("finished_from", build.finished_at, 1),
    )
    return (
        (not states or not states.isdisjoint({build.state, build.blocked_state or build.state}))
        and (not branches or build.branch in branches)
        and (not commits or build.commit in commits)
        # The id by which `told` names who made the build.
        and (not asked.get("creator") or asked["creator"] == build.author.email)
        and all(_in_time(asked[name], at, sign) for name, at, sign in times if name in asked)
    )


def _in_time(asked: str, at: float | None, sign: int) -> bool:
    try:
        # A "+" of the zone arrives as a space where the client did not escape it.
        limit = datetime.fromisoformat(asked.replace(" ", "+")).timestamp()
    except ValueError:
        raise Rejection(f"{asked!r} is not a time") from None
    return at is not None and (at - limit) * sign >= 0


async def get(request: Request) -> Response:
    """One build."""
    bearer(request)
    retried = request.query_params.get("include_retried_jobs", "").lower() == "true"
    return answer(told.build(plane(request), found.build(request), retried=retried))


async def cancel(request: Request) -> Response:
    """Cancel a build."""
    bearer(request)
    world, build = plane(request), found.build(request)
    world.apply(BuildCanceled(at=world.now(), build=build.id))
    return answer(told.build(world, world.state.builds[build.id]))


async def rebuild(request: Request) -> Response:
    """Refuse: create a new build of the same commit instead."""
    bearer(request)
    found.build(request)
    raise Rejection("rebuild is not implemented by the local Buildkite")


OF_PIPELINE = "/organizations/{organization}/pipelines/{pipeline}/builds"
ROUTES = [
    Route("/builds", everywhere, methods=["GET"]),
    Route("/organizations/{organization}/builds", everywhere, methods=["GET"]),
    Route(OF_PIPELINE, of_pipeline, methods=["GET"]),
    Route(OF_PIPELINE, create, methods=["POST"]),
    Route(OF_PIPELINE + "/{number}", get, methods=["GET"]),
    Route(OF_PIPELINE + "/{number}/cancel", cancel, methods=["PUT"]),
    Route(OF_PIPELINE + "/{number}/rebuild", rebuild, methods=["PUT"]),
]
