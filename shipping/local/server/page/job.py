"""One job's page: how it went, its environment without secrets, its artifacts, its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shipping.local.engine.environment import job_env
from shipping.local.engine.kinds import Command
from shipping.local.engine.matrix import command_of
from shipping.local.engine.states import ENDED
from shipping.local.server.page import rows
from shipping.local.server.page.files import artifact_row
from shipping.local.server.page.logs import sections, without_marks
from shipping.local.server.page.redaction import redacted, secrets_of, without
from shipping.local.server.page.rendering import HEADERS, Part, respond
from shipping.local.server.page.tree import Tree
from shipping.local.server.page.views import ONE, ours
from shipping.local.server.rest import found
from shipping.local.server.wire import plane

if TYPE_CHECKING:
    from starlette.requests import Request

    from shipping.local.engine.records import Build, Job
    from shipping.local.server.plane import Plane

SHOWN_BYTES = 512 * 1024
MOST_SINCE = 8 * SHOWN_BYTES
"""What a page that fell behind may ask for at once; more, and it has a gap in its log until it is loaded again."""


async def job(request: Request) -> Response:
    """One job."""
    ours(request)
    world, one, of = plane(request), found.job(request), found.build(request)
    node = Tree(world.state, of, world.site, world.now()).job(one)
    title = f"{node.state}: {node.name}"
    here = f"job/{one.id}"
    return respond(
        request,
        "job.html",
        title=title,
        refresh=one.state not in ENDED,
        parts=[
            Part(
                name="job", topics=(here, "agents"), told=lambda: _head(world, of, one) | {"one": node, "title": title}
            ),
            Part(name="environment", topics=(here,), told=lambda: {"variables": _variables(world, of, one)}),
            Part(name="artifacts", topics=(f"artifacts/{of.id}",), told=lambda: _artifacts(world, of, one)),
            Part(name="log", topics=(f"log/{one.id}",), told=lambda: _log(request, one) | {"raw": f"{node.url}/log"}),
        ],
    )


def _head(world: Plane, of: Build, one: Job) -> dict[str, object]:
    body = command_of(world.state.steps[of.id][one.step], one)
    known = secrets_of(job_env(world.state, one, world.site), _tokens(world, one))
    path = f"{rows.build_path(of, world.site)}/jobs/"
    before = next((other.id for other in world.state.jobs[of.id].values() if other.retried_in == one.id), None)
    return {
        "build": rows.build_row(world.state, of, world.site, world.now()),
        "older": path + before if before else "",
        "newer": path + one.retried_in if one.retried_in else "",
        "command": without(body.command, known) if body else "",
        "answers": sorted(one.answers.items()),
    }


def _variables(world: Plane, of: Build, one: Job) -> list[tuple[str, str]]:
    if not isinstance(world.state.steps[of.id][one.step].body, Command):
        return []
    return redacted(job_env(world.state, one, world.site), _tokens(world, one))


def _tokens(world: Plane, one: Job) -> list[str]:
    tokens = world.tokens
    return [tokens.registration, tokens.api, tokens.secret, tokens.of_job(one.id)]


def _artifacts(world: Plane, of: Build, one: Job) -> dict[str, object]:
    mine = [artifact for artifact in world.ledger.artifacts.of_build(of.id) if artifact.job == one.id]
    return {"artifacts": [artifact_row(world, of, artifact) for artifact in mine]}


def _log(request: Request, one: Job) -> dict[str, object]:
    """Return the end of the log, the stretch around ``?line=``, or what there is ``?from=`` a line on."""
    world, line, begin = plane(request), _number(request, "line"), _number(request, "from")
    window = world.ledger.logs.window(one.id, MOST_SINCE if begin else SHOWN_BYTES, line=line or None)
    growing = one.state not in ENDED
    drawn = sections(window.text.decode(errors="replace"), first=window.first, growing=growing, begin=begin)
    last = drawn[-1].lines[-1].number if drawn and drawn[-1].lines else window.first
    return {
        "logs": isinstance(world.state.steps[one.build][one.step].body, Command),
        "growing": growing and not line,
        "sections": drawn,
        "before": max(window.first - 1, 1) if window.before else 0,
        "after": last + 1 if window.after else 0,
    }


def _number(request: Request, name: str) -> int:
    value = request.query_params.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 12 else 0


async def log(request: Request) -> Response:
    """Give the whole log as text, without the agent's marks."""
    ours(request)
    text = plane(request).ledger.logs.read(found.job(request).id).decode(errors="replace")
    return PlainTextResponse(without_marks(text), headers=HEADERS)


ROUTES = [
    Route(ONE + "/jobs/{job}", job, methods=["GET"]),
    Route(ONE + "/jobs/{job}/log", log, methods=["GET"]),
]
