"""`buildkite-agent meta-data`: written by jobs, kept per build. Any build's may be read, only one's own written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from shipping.local.engine.events import CommitResolved
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.values import META_DATA_LIMIT
from shipping.local.server.wire import answer, fields, plane, text, working

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.engine.records import Job
    from shipping.local.server.plane import Plane

COMMIT_KEY = "buildkite:git:commit"


async def write(request: Request) -> Response:
    """Set one key."""
    job, world = working(request), plane(request)
    told = await fields(request)
    _set(world, job, {text(told, "key"): text(told, "value", "")})
    return answer({})


async def write_batch(request: Request) -> Response:
    """Set several keys, or none."""
    job, world = working(request), plane(request)
    items = (await fields(request)).get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Rejection("'items' must be a list of keys and values", status=400)
    _set(world, job, {text(item, "key"): text(item, "value", "") for item in items})
    return answer({})


def _set(world: Plane, job: Job, items: dict[str, str]) -> None:
    for key, value in items.items():
        if not key:
            raise Rejection("The meta-data key is empty")
        if len(value.encode()) > META_DATA_LIMIT:
            raise Rejection(f"The value of {key!r} is longer than {META_DATA_LIMIT} bytes")
    world.ledger.meta_data.set(job.build, items)
    world.live.tell(f"meta-data/{job.build}")
    if COMMIT_KEY in items:
        _resolve(world, job.build, items[COMMIT_KEY])


def _resolve(world: Plane, build: str, told: str) -> None:
    """Take the commit from what the first job's agent says about its checkout."""
    lines = told.splitlines()
    commit = next((line.split()[1] for line in lines if line.startswith("commit ") and len(line.split()) == 2), None)
    subject = next((line.strip() for line in lines if line.startswith("    ")), "")
    if commit is not None:
        world.apply(CommitResolved(at=world.now(), build=build, commit=commit, message=subject))


async def read(request: Request) -> Response:
    """Give a value; 404 makes the agent use its ``--default``."""
    build, key = _build(request), text(await fields(request), "key")
    value = plane(request).ledger.meta_data.get(build, key)
    if value is None:
        raise Rejection(f"No key {key!r} found", status=404)
    return answer({"key": key, "value": value})


async def exists(request: Request) -> Response:
    """Say whether a key is set. Never a 404: the agent would take that for an error."""
    build, key = _build(request), text(await fields(request), "key")
    return answer({"exists": plane(request).ledger.meta_data.get(build, key) is not None})


async def keys(request: Request) -> Response:
    """List the keys."""
    return answer(list(plane(request).ledger.meta_data.all(_build(request))))


def _build(request: Request) -> str:
    job, world = working(request), plane(request)
    named = str(request.path_params.get("build", job.build))
    if named not in world.state.builds:
        raise Rejection(f"No build found: {named!r}", status=404)
    return named


ROUTES = [
    Route("/jobs/{job}/data/set", write, methods=["POST"]),
    Route("/jobs/{job}/data/set-batch", write_batch, methods=["POST"]),
    *(
        Route(f"/{scope}/data/{verb}", endpoint, methods=["POST"])
        for scope in ("jobs/{job}", "builds/{build}")
        for verb, endpoint in (("get", read), ("exists", exists), ("keys", keys))
    ),
]
