"""`buildkite-agent artifact`: announce, upload, conclude, search, download."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from shipping.local.engine.environment import job_name
from shipping.local.engine.rejection import Rejection
from shipping.local.ledger.artifacts import Artifact
from shipping.local.server.files import receive
from shipping.local.server.formdata import file_part
from shipping.local.server.moments import moment
from shipping.local.server.wire import answer, fields, plane, text, working

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.engine.records import Job, State
    from shipping.local.server.plane import Plane

FILE_INPUT = "file"
MOST_BYTES = 5 * 1024**3
"""What an agent sends in one form."""

STATES = ("finished", "error")


async def announce(request: Request) -> Response:
    """Keep what the agent is about to upload, and tell it where: an address that only it is told."""
    job, world = working(request), plane(request)
    told = await fields(request)
    entries = told.get("artifacts")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise Rejection("'artifacts' must be a list of artifacts", status=400)
    name, destination = text(told, "id"), text(told, "upload_destination", "")
    batch = [_artifact(world, job, entry, name, place, destination) for place, entry in enumerate(entries)]
    ids = world.ledger.artifacts.announce(batch)
    world.live.tell(f"artifacts/{job.build}")
    kept = [artifact for artifact in map(world.ledger.artifacts.get, ids) if artifact is not None]
    instructions = {artifact.id: _instructions(world, artifact) for artifact in kept}
    return answer(
        {
            "id": name,
            "artifact_ids": ids,
            "upload_instructions": instructions[ids[0]],
            "per_artifact_instructions": instructions,
        },
        201,
    )


def _artifact(world: Plane, job: Job, told: dict[str, Any], batch: str, place: int, destination: str) -> Artifact:
    size = told.get("file_size")
    if not isinstance(size, int) or not 0 <= size <= MOST_BYTES or not text(told, "path"):
        raise Rejection(f"An artifact must have a path and a file_size of at most {MOST_BYTES} bytes", status=400)
    return Artifact(
        id=world.draw_id(),
        build=job.build,
        job=job.id,
        batch=batch,
        place=place,
        path=text(told, "path"),
        absolute_path=text(told, "absolute_path", ""),
        glob_path=text(told, "glob_path", ""),
        size=size,
        sha1=text(told, "sha1sum", ""),
        sha256=text(told, "sha256sum", ""),
        content_type=text(told, "content_type", "") or "application/octet-stream",
        destination=text(told, "upload_destination", "") or destination,
        url=text(told, "url", ""),
        secret=secrets.token_urlsafe(24),
        state="new",
        created_at=world.now(),
    )


def _instructions(world: Plane, artifact: Artifact) -> dict[str, Any]:
    action = {
        "url": world.site.url,
        "method": "POST",
        "path": f"/uploads/{artifact.secret}",
        "file_input": FILE_INPUT,
    }
    return {"action": action, "data": {}}


async def upload(request: Request) -> Response:
    """Take the bytes. They must be the ones that were announced: size and digest are checked before the file appears."""
    world = plane(request)
    artifact = world.ledger.artifacts.by_secret(request.path_params["secret"])
    if artifact is None or artifact.state == "finished":
        raise Rejection("No upload found", status=404)
    content = file_part(request.stream(), request.headers.get("content-type", ""), FILE_INPUT)
    digest = hashlib.sha256()
    async with receive(world.artifacts / artifact.id, limit=artifact.size) as file:
        async for part in content:
            digest.update(part)
            file.write(part)
        if file.written != artifact.size or (artifact.sha256 and digest.hexdigest() != artifact.sha256):
            raise Rejection(f"The bytes of {artifact.path!r} are not the ones that were announced", status=400)
    world.ledger.artifacts.received(artifact.id)
    return answer({"id": artifact.id}, 201)


async def conclude(request: Request) -> Response:
    """The agent says which uploads went well. Only artifacts whose bytes are here can be finished."""
    job, world = working(request), plane(request)
    told = (await fields(request)).get("artifacts")
    for entry in told if isinstance(told, list) else []:
        artifact = world.ledger.artifacts.get(text(entry, "id"))
        state = text(entry, "state")
        if artifact is None or artifact.job != job.id:
            raise Rejection(f"No artifact of this job found: {entry['id']!r}", status=404)
        if state not in STATES:
            raise Rejection(f"state {state!r} must be one of {', '.join(STATES)}")
        if state == "finished" and not artifact.received and not artifact.destination:
            raise Rejection(f"The bytes of {artifact.path!r} have not been uploaded")
        world.ledger.artifacts.conclude(artifact.id, state)
    world.live.tell(f"artifacts/{job.build}")
    return answer({})


async def search(request: Request) -> Response:
    """Return what matches; nothing found is an empty list (the agent would ask an error again and again)."""
    working(request)
    world, asked = plane(request), request.query_params
    build = request.path_params["build"]
    if build not in world.state.builds:
        raise Rejection(f"No build found: {build!r}", status=404)
    jobs = _in_scope(world.state, build, asked.get("scope", ""), retried=asked.get("include_retried_jobs") == "true")
    found = world.ledger.artifacts.search(
        build, query=asked.get("query", ""), jobs=jobs, state=asked.get("state", "finished")
    )
    if asked.get("include_duplicates") != "true":
        found = list({artifact.path: artifact for artifact in found}.values())
    return answer([_told(world, artifact) for artifact in found])


def _in_scope(state: State, build: str, scope: str, *, retried: bool) -> set[str]:
    """Return the jobs that a step's key, label or id, or a job's id or name, means; of retried ones the last only."""
    found = set()
    for job in state.jobs[build].values():
        step = state.steps[build][job.step]
        names = {job.id, step.id, step.key, step.label, job_name(step, job)}
        if (not scope or scope in names) and (retried or job.retried_in is None or scope == job.id):
            found.add(job.id)
    return found


def _told(world: Plane, artifact: Artifact) -> dict[str, Any]:
    return {
        "id": artifact.id,
        "job_id": artifact.job,
        "path": artifact.path,
        "absolute_path": artifact.absolute_path,
        "glob_path": artifact.glob_path,
        "file_size": artifact.size,
        "sha1sum": artifact.sha1,
        "sha256sum": artifact.sha256,
        "content_type": artifact.content_type,
        "upload_destination": artifact.destination,
        "url": artifact.url or f"{world.site.url}/downloads/{artifact.secret}",
        "created_at": moment(artifact.created_at),
        "state": artifact.state,
    }


ROUTES = [
    Route("/jobs/{job}/artifacts", announce, methods=["POST"]),
    Route("/jobs/{job}/artifacts", conclude, methods=["PUT"]),
    Route("/builds/{build}/artifacts/search", search, methods=["GET"]),
]
