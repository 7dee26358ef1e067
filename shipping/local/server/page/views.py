"""The pages: builds, one build, one job with its log, agents."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from shipping.local.engine.environment import job_name
from shipping.local.engine.records import ENDED, AgentState, Command
from shipping.local.engine.rejection import Rejection
from shipping.local.server.page import rows
from shipping.local.server.page.logs import sections, without_marks
from shipping.local.server.page.markdown import rendered
from shipping.local.server.rest import found
from shipping.local.server.wire import plane

if TYPE_CHECKING:
    from starlette.requests import Request

    from shipping.local.engine.records import Agent, Build
    from shipping.local.ledger.artifacts import Artifact
    from shipping.local.server.plane import Plane

PAGE = 30
SHOWN_BYTES = 512 * 1024
STYLE = files(__package__).joinpath("style.css").read_text()
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
TEMPLATES = Environment(
    loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def page(request: Request, template: str, status: int = 200, **told: Any) -> Response:  # noqa: ANN401 - each template's own
    """Answer with a rendered template."""
    world = plane(request)
    shared = {
        "organization": world.site.organization,
        "agents": sum(agent.state is AgentState.CONNECTED for agent in world.state.agents.values()),
        "here": "",
        "refresh": False,
    }
    text = TEMPLATES.get_template(template).render(shared | told)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


async def builds(request: Request) -> Response:
    """All builds, newest first."""
    return _builds(request, "Builds", None)


async def of_pipeline(request: Request) -> Response:
    """One pipeline's builds, newest first."""
    _ours(request)
    pipeline = found.pipeline(request)
    return _builds(request, pipeline.name, pipeline.slug)


def _builds(request: Request, heading: str, slug: str | None) -> Response:
    world = plane(request)
    number = request.query_params.get("page", "1")
    place = max(int(number), 1) if number.isascii() and number.isdigit() and len(number) < 9 else 1
    all_of_it = [one for one in reversed(tuple(world.state.builds.values())) if slug in (None, one.pipeline.slug)]
    shown = all_of_it[(place - 1) * PAGE : place * PAGE]
    return page(
        request,
        "builds.html",
        title=f"{heading}: local Buildkite",
        heading=heading,
        here="builds",
        builds=[rows.build_row(world.state, build, world.site, world.now()) for build in shown],
        older=place + 1 if len(all_of_it) > place * PAGE else None,
        refresh=any(build.finished_at is None for build in shown),
    )


async def build(request: Request) -> Response:
    """One build: annotations, steps, artifacts, meta-data."""
    _ours(request)
    world, one = plane(request), found.build(request)
    row = rows.build_row(world.state, one, world.site, world.now())
    latest = {job.id for job in world.state.jobs[one.id].values() if job.retried_in is None}
    artifacts = [artifact for artifact in world.ledger.artifacts.of_build(one.id) if artifact.job in latest]
    return page(
        request,
        "build.html",
        title=f"{row.state}: {row.pipeline} #{row.number}",
        build=row,
        rows=rows.rows(world.state, one, world.site, world.now()),
        annotations=[
            {"style": note.style, "context": note.context, "html": Markup(rendered(note.body))}  # noqa: S704 - sanitised
            for note in world.ledger.annotations.all(one.id)
        ],
        artifacts=[_artifact(world, one, artifact) for artifact in artifacts],
        meta_data=sorted(world.ledger.meta_data.all(one.id).items()),
        refresh=one.finished_at is None,
    )


async def job(request: Request) -> Response:
    """One job: how it ended, its log, its artifacts."""
    _ours(request)
    world, one, of = plane(request), found.job(request), found.build(request)
    log, cut = world.ledger.logs.tail(one.id, SHOWN_BYTES)
    body = world.state.steps[of.id][one.step].body
    row = rows.job_row(world.state, of, one, world.site, world.now())
    mine = [artifact for artifact in world.ledger.artifacts.of_build(of.id) if artifact.job == one.id]
    return page(
        request,
        "job.html",
        title=f"{row.state}: {row.name}",
        build=rows.build_row(world.state, of, world.site, world.now()),
        row=row,
        facts=rows.facts(one),
        newer=one.retried_in,
        command=body.command if isinstance(body, Command) else "",
        sections=[
            {"title": part.title, "open": part.open, "html": Markup(part.html)}  # noqa: S704 - escaped line by line
            for part in sections(log.decode(errors="replace"))
        ],
        cut=cut,
        raw=f"{row.url}/log",
        artifacts=[_artifact(world, of, artifact) for artifact in mine],
        refresh=one.state not in ENDED,
    )


async def log(request: Request) -> Response:
    """Give the whole log as text, without the agent's marks."""
    _ours(request)
    text = plane(request).ledger.logs.read(found.job(request).id).decode(errors="replace")
    return PlainTextResponse(without_marks(text), headers=HEADERS)


async def agents(request: Request) -> Response:
    """The agents that are here, and what they do."""
    world = plane(request)
    listed = [agent for agent in world.state.agents.values() if agent.state is not AgentState.DISCONNECTED]
    return page(
        request,
        "agents.html",
        title="Agents: local Buildkite",
        here="agents",
        listed=[_agent(world, agent) for agent in listed],
        refresh=True,
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
        told["job"] = job_name(world.state.steps[of.id][job.step], job) or job.id
        told["job_url"] = f"{world.site.build_url(of).removeprefix(world.site.url)}/jobs/{job.id}"
    return told


def _artifact(world: Plane, of: Build, artifact: Artifact) -> dict[str, str]:
    job = world.state.jobs[of.id][artifact.job]
    here = f"/downloads/{artifact.secret}" if artifact.received else ""
    return {
        "path": artifact.path,
        "url": artifact.url if artifact.url.startswith(("http://", "https://")) else here,
        "state": artifact.state,
        "job": job_name(world.state.steps[of.id][job.step], job),
        "size": f"{artifact.size:,} B",
        "digest": artifact.sha256[:16],
    }


def absent(request: Request, message: str, status: int) -> Response:
    """Say in a page's words that there is nothing here."""
    return page(request, "absent.html", status, title="Not here: local Buildkite", message=message)


async def style(_: Request) -> Response:
    """The one stylesheet."""
    return Response(STYLE, media_type="text/css", headers={"X-Content-Type-Options": "nosniff"})


def _ours(request: Request) -> None:
    if request.path_params["organization"] != plane(request).site.organization:
        raise Rejection(f"No organization found: {request.path_params['organization']!r}", status=404)


ONE = "/{organization}/{pipeline}/builds/{number}"
ROUTES = [
    Route("/", builds, methods=["GET"]),
    Route("/agents", agents, methods=["GET"]),
    Route("/style.css", style, methods=["GET"]),
    Route("/{organization}/{pipeline}", of_pipeline, methods=["GET"]),
    Route(ONE, build, methods=["GET"]),
    Route(ONE + "/jobs/{job}", job, methods=["GET"]),
    Route(ONE + "/jobs/{job}/log", log, methods=["GET"]),
]
