"""Jobs: log, environment, retry, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shipping.local.engine.environment import job_env
from shipping.local.engine.events import JobCanceled, JobRetried
from shipping.local.engine.records import ENDED
from shipping.local.engine.rejection import Rejection
from shipping.local.server.page.logs import as_html, without_marks
from shipping.local.server.rest import found, told
from shipping.local.server.wire import answer, bearer, plane

if TYPE_CHECKING:
    from starlette.requests import Request


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
    """Refuse: there are no block steps here."""
    bearer(request)
    found.job(request)
    raise Rejection("unblocking is not implemented by the local Buildkite: there are no block steps")


ONE = "/organizations/{organization}/pipelines/{pipeline}/builds/{number}/jobs/{job}"
ROUTES = [
    Route(ONE + "/log", log, methods=["GET"]),
    Route(ONE + "/log.txt", log, methods=["GET"]),
    Route(ONE + "/log", clear_log, methods=["DELETE"]),
    Route(ONE + "/env", env, methods=["GET"]),
    Route(ONE + "/retry", retry, methods=["PUT"]),
    Route(ONE + "/cancel", cancel, methods=["PUT"]),
    Route(ONE + "/unblock", unblock, methods=["PUT"]),
]
