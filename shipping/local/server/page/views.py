"""The pages: pipelines at a glance, builds, one build, agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup
from starlette.routing import Route

from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import AgentState
from shipping.local.server.moments import moment
from shipping.local.server.page import rows
from shipping.local.server.page.files import artifact_row
from shipping.local.server.page.hosts import regions_part
from shipping.local.server.page.markdown import rendered
from shipping.local.server.page.rendering import Part, respond
from shipping.local.server.page.tree import Tree, name
from shipping.local.server.rest import found, settings
from shipping.local.server.wire import plane

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.engine.records import Agent, Build
    from shipping.local.server.plane import Plane

PAGE = 30
LAST = 8


async def overview(request: Request) -> Response:
    """Every pipeline with its last builds, and the last builds of all."""
    world = plane(request)
    newest = list(reversed(tuple(world.state.builds.values())))
    return respond(
        request,
        "overview.html",
        title="Pipelines: local Buildkite",
        here="pipelines",
        refresh=any(build.finished_at is None for build in newest),
        parts=[
            Part(name="pipelines", topics=("builds",), told=lambda: {"pipelines": _pipelines(world)}),
            regions_part(world),
            Part(name="builds", topics=("builds",), told=lambda: _builds(world, newest[:LAST])),
        ],
    )


def _pipelines(world: Plane) -> list[rows.PipelineRow]:
    """Return the pipelines, the one that was busy last first."""
    of: dict[str, list[Build]] = {}
    for build in world.state.builds.values():
        of.setdefault(build.pipeline.slug, []).append(build)
    pipelines = world.ledger.pipelines.all()
    pipelines.sort(key=lambda one: of[one.slug][-1].created_at if one.slug in of else one.created_at, reverse=True)
    return [
        rows.pipeline_row(world.state, one, of.get(one.slug, []), world.site, world.now())
        for one in pipelines
        if settings.shown(world, one.slug)["archived_at"] is None
    ]


def _builds(world: Plane, shown: list[Build], *, newer: int = 0, older: int = 0) -> dict[str, Any]:
    return {
        "builds": [rows.build_row(world.state, build, world.site, world.now()) for build in shown],
        "newer": newer,
        "older": older,
    }


async def builds(request: Request) -> Response:
    """All builds, newest first."""
    return _list(request, "Builds", "")


async def of_pipeline(request: Request) -> Response:
    """One pipeline's builds, newest first."""
    ours(request)
    pipeline = found.pipeline(request)
    return _list(request, pipeline.name, pipeline.slug)


def _list(request: Request, heading: str, slug: str) -> Response:
    world = plane(request)
    number = request.query_params.get("page", "1")
    place = max(int(number), 1) if number.isascii() and number.isdigit() and len(number) < 9 else 1
    all_of_it = [one for one in reversed(tuple(world.state.builds.values())) if slug in ("", one.pipeline.slug)]
    shown = all_of_it[(place - 1) * PAGE : place * PAGE]
    older = place + 1 if len(all_of_it) > place * PAGE else 0
    return respond(
        request,
        "builds.html",
        title=f"{heading}: local Buildkite",
        heading=heading,
        slug=slug,
        here="" if slug else "builds",
        refresh=any(build.finished_at is None for build in shown),
        parts=[
            Part(name="builds", topics=("builds",), told=lambda: _builds(world, shown, newer=place - 1, older=older))
        ],
    )


async def build(request: Request) -> Response:
    """One build: annotations, steps, artifacts, meta-data."""
    ours(request)
    world, one = plane(request), found.build(request)
    row = rows.build_row(world.state, one, world.site, world.now())
    title = f"{row.state}: {row.pipeline} #{row.number}"
    here = f"build/{one.id}"
    return respond(
        request,
        "build.html",
        title=title,
        refresh=one.finished_at is None,
        parts=[
            Part(
                name="banner",
                topics=(here,),
                told=lambda: {"build": row, "title": title, "links": _links(world, one)},
            ),
            Part(name="annotations", topics=(f"annotations/{one.id}",), told=lambda: _annotations(world, one)),
            Part(
                name="steps",
                topics=(here, "agents"),
                told=lambda: {"nodes": Tree(world.state, one, world.site, world.now()).nodes()},
            ),
            Part(name="artifacts", topics=(f"artifacts/{one.id}",), told=lambda: _artifacts(world, one)),
            Part(
                name="meta-data",
                topics=(f"meta-data/{one.id}",),
                told=lambda: {"meta_data": sorted(world.ledger.meta_data.all(one.id).items())},
            ),
            Part(name="notifications", topics=(here,), told=lambda: _notifications(world, one)),
        ],
    )


def _notifications(world: Plane, of: Build) -> dict[str, object]:
    steps = world.state.steps[of.id]
    told = [
        {
            "event": one.event,
            "step": (steps[one.step].label or steps[one.step].key or "") if one.step else "",
            "channel": one.channel,
            "message": one.message,
            "at": moment(one.at),
        }
        for one in world.ledger.notifications.of_build(of.id)
    ]
    return {"notifications": told}


def _links(world: Plane, of: Build) -> list[tuple[str, str, str]]:
    """Return the builds that made this one, and made it be given up: what they did, their names, their pages."""
    asked = (("Triggered from", of.triggered_from and of.triggered_from.build), ("Given up for", of.superseded_by))
    found = [(what, world.state.builds.get(build or "")) for what, build in asked]
    return [
        (what, f"{one.pipeline.name} #{one.number}", rows.build_path(one, world.site))
        for what, one in found
        if one is not None
    ]


def _annotations(world: Plane, of: Build) -> dict[str, object]:
    notes = [
        {"style": note.style, "context": note.context, "html": Markup(rendered(note.body))}  # noqa: S704 - sanitised
        for note in world.ledger.annotations.all(of.id)
    ]
    return {"annotations": notes}


def _artifacts(world: Plane, of: Build) -> dict[str, object]:
    latest = {job.id for job in world.state.jobs[of.id].values() if job.retried_in is None}
    kept = [artifact for artifact in world.ledger.artifacts.of_build(of.id) if artifact.job in latest]
    return {"artifacts": [artifact_row(world, of, artifact) for artifact in kept]}


async def agents(request: Request) -> Response:
    """The agents that are here, and what they do."""
    world = plane(request)
    listed = [agent for agent in world.state.agents.values() if agent.state is not AgentState.DISCONNECTED]
    return respond(
        request,
        "agents.html",
        title="Agents: local Buildkite",
        here="agents",
        refresh=True,
        parts=[
            Part(name="agents", topics=("agents",), told=lambda: {"listed": [_agent(world, agent) for agent in listed]})
        ],
    )


def _agent(world: Plane, agent: Agent) -> dict[str, object]:
    job = world.state.job(agent.job) if agent.job else None
    told: dict[str, object] = {
        "name": agent.name,
        "state": agent.state,
        "tone": rows.TONES.get(agent.state, "calm"),
        "tags": agent.tags,
        "version": agent.version,
        "pid": agent.pid or "",
        "job": "",
        "job_url": "",
    }
    if job is not None:
        of = world.state.builds[job.build]
        told["job"] = name(world.state.steps[of.id][job.step], job)
        told["job_url"] = f"{rows.build_path(of, world.site)}/jobs/{job.id}"
    return told


def absent(request: Request, message: str, status: int) -> Response:
    """Say in a page's words that there is nothing here, or that it cannot be done."""
    heading = "Not here" if status == 404 else "That did not work"
    return respond(
        request, "absent.html", status=status, title=f"{heading}: local Buildkite", heading=heading, message=message
    )


def ours(request: Request) -> None:
    """Raise Rejection (404) unless the path names our organization."""
    if request.path_params["organization"] != plane(request).site.organization:
        raise Rejection(f"No organization found: {request.path_params['organization']!r}", status=404)


ONE = "/{organization}/{pipeline}/builds/{number}"
ROUTES = [
    Route("/", overview, methods=["GET"]),
    Route("/builds", builds, methods=["GET"]),
    Route("/agents", agents, methods=["GET"]),
    Route("/{organization}/{pipeline}", of_pipeline, methods=["GET"]),
    Route(ONE, build, methods=["GET"]),
]
