"""Jobs: log, environment, retry, cancel, unblock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shipping.local.engine.environment import job_env
from shipping.local.engine.events import JobCanceled, JobRetried, JobUnblocked
from shipping.local.engine.records import Author
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import ENDED
from shipping.local.engine.values import scalar
from shipping.local.server.page.logs import as_html, without_marks
from shipping.local.server.rest import found, told
from shipping.local.server.wire import answer, bearer, fields, plane

if TYPE_CHECKING:
    from starlette.requests import Request

    from shipping.local.server.plane import Plane


async def get(request: Request) -> Response:
    """One job."""
    bearer(request)
    return answer(told.job(plane(request), found.build(request), found.job(request)))


async def log(request: Request) -> Response:
    """Give the log as the Accept header wants it: JSON (also the default), text, or HTML."""
    bearer(request)
    job, world = found.job(request), plane(request)
    content = world.ledger.logs.read(job.id).decode(errors="replace")
    wanted = request.headers.get("accept", "")
    if "text/plain" in wanted or request.url.path.endswith(".txt"):
        return PlainTextResponse(without_marks(content))
    if "text/html" in wanted:
        return Response(as_html(content), media_type="text/html")
    address = str(request.url).partition("?")[0]
    return answer({"url": address, "content": content, "size": len(content.encode()), "header_times": []})


async def clear_log(request: Request) -> Response:
    """Delete the log of a job that has ended."""
    bearer(request)
    job = found.job(request)
    if job.state not in ENDED:
        raise Rejection(f"The job {job.id} is {job.state}: its log is still being written")
    plane(request).ledger.logs.clear(job.id)
    return Response(status_code=204)


async def env(request: Request) -> Response:
    """Give the job's environment."""
    bearer(request)
    world = plane(request)
    return answer({"env": job_env(world.state, found.job(request), world.site)})


async def retry(request: Request) -> Response:
    """Retry the job; the answer is the new one."""
    bearer(request)
    job, world = found.job(request), plane(request)
    world.apply(JobRetried(at=world.now(), job=job.id))
    build = found.build(request)
    new = world.state.jobs[build.id][world.state.jobs[build.id][job.id].retried_in or ""]
    return answer(told.job(world, build, new))


async def cancel(request: Request) -> Response:
    """Cancel one job."""
    bearer(request)
    job, world = found.job(request), plane(request)
    world.apply(JobCanceled(at=world.now(), job=job.id))
    return answer(told.job(world, found.build(request), found.job(request)))


async def unblock(request: Request) -> Response:
    """Unblock a block or input step with the answers to its fields."""
    bearer(request)
    job, world = found.job(request), plane(request)
    asked = await fields(request)
    event = JobUnblocked(
        at=world.now(), job=job.id, fields=_answers(asked.get("fields")), by=_person(world, asked.get("unblocker"))
    )
    world.apply(event)
    return answer(told.job(world, found.build(request), found.job(request)))


def _answers(given: object) -> dict[str, str | tuple[str, ...]]:
    """Return the fields as the engine takes them: text, or several values."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Rejection("'fields' must be a map of keys to values")
    try:
        return {
            str(key): tuple(scalar(one) for one in value) if isinstance(value, list) else scalar(value)
            for key, value in given.items()
        }
    except ValueError as error:
        raise Rejection(f"'fields': {error}") from None


def _person(world: Plane, wanted: object) -> Author:
    """Return who unblocks: the one who calls, or somebody known here by the id (see `told.person`)."""
    known = {one.email: one for one in (*(build.author for build in world.state.builds.values()), Author())}
    # The one user whom the API itself tells of.
    known[world.site.organization_id] = Author()
    if wanted is None:
        return Author()
    if not isinstance(wanted, str) or wanted not in known:
        raise Rejection("Unblocker is not a valid user id for this organization")
    return known[wanted]


OF_BUILD = "/organizations/{organization}/pipelines/{pipeline}/builds/{number}/jobs/{job}"
ANYWHERE = "/organizations/{organization}/jobs/{job}"
ROUTES = [
    Route(one + verb, endpoint, methods=[method])
    for one in (OF_BUILD, ANYWHERE)
    for verb, endpoint, method in (
        ("", get, "GET"),
        ("/log", log, "GET"),
        ("/log.txt", log, "GET"),
        ("/log", clear_log, "DELETE"),
        ("/env", env, "GET"),
        ("/retry", retry, "PUT"),
        ("/cancel", cancel, "PUT"),
        ("/unblock", unblock, "PUT"),
    )
]
