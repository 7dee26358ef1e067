"""A job's life as its agent tells it: accept, start, state, log, finish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from pipeline_gen.clock import rfc3339
from shipping.local.engine.environment import job_env
from shipping.local.engine.events import JobAccepted, JobFinished, JobStarted
from shipping.local.engine.kinds import Command
from shipping.local.engine.matrix import command_of
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import JobState
from shipping.local.ledger.logs import CHUNK_LIMIT, inflate
from shipping.local.server.moments import moment
from shipping.local.server.wire import answer, body, fields, holder, plane, session, text, working

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.engine.records import Job
    from shipping.local.server.plane import Plane

CHUNK_BYTES = 100 * 1024
LOG_BYTES = 1024**3


async def accept(request: Request) -> Response:
    """Hand the job over: environment, step and the token that only this job gets."""
    agent, world = session(request), plane(request)
    job_id = request.path_params["job"]
    world.apply(JobAccepted(at=world.now(), job=job_id, agent=agent.id))
    job = world.state.job(job_id)
    assert job is not None  # noqa: S101 - the engine has just accepted it
    return answer(_accepted(world, job))


def _accepted(world: Plane, job: Job) -> dict[str, Any]:
    command = command_of(world.state.steps[job.build][job.step], job) or Command()
    told: dict[str, Any] = {"command": command.command, "plugins": list(command.plugins)}
    if command.signature is not None:
        told |= {"signature": command.signature, "env": dict(command.env)}
    return {
        "id": job.id,
        "env": job_env(world.state, job, world.site),
        "step": told,
        "token": world.tokens.of_job(job.id),
        "chunks_max_size_bytes": CHUNK_BYTES,
        "chunks_interval_seconds": 1,
        "log_max_size_bytes": LOG_BYTES,
        "runnable_at": moment(job.scheduled_at),
    }


async def acquire(request: Request) -> Response:
    """Refuse: agents of one job are for schedulers that there are none of here."""
    session(request)
    raise Rejection("Agents that acquire one job (--acquire-job) are not implemented by the local Buildkite")


async def start(request: Request) -> Response:
    """The job's process runs."""
    job, world = working(request), plane(request)
    world.apply(JobStarted(at=world.now(), job=job.id))
    return answer({"id": job.id, "started_at": rfc3339(world.clock.now())})


async def state(request: Request) -> Response:
    """Agents before 3.120 do not know the word for a time-out: they are told to cancel."""
    job = working(request)
    told = JobState.CANCELING if job.state is JobState.TIMING_OUT else job.state
    return answer({"id": job.id, "state": told})


async def finish(request: Request) -> Response:
    """The agent's last word on the job."""
    job, world = holder(request), plane(request)
    told = await fields(request)
    try:
        exit_status = int(told.get("exit_status", ""))
    except (TypeError, ValueError):
        raise Rejection("'exit_status' must be a whole number", status=400) from None
    world.apply(
        JobFinished(
            at=world.now(),
            job=job.id,
            exit_status=exit_status,
            signal=text(told, "signal", ""),
            signal_reason=text(told, "signal_reason", ""),
        )
    )
    return answer({"id": job.id})


async def chunk(request: Request) -> Response:
    """Keep a piece of log. Pieces come out of order, and again when an answer was lost."""
    job, world = working(request), plane(request)
    sequence = _whole(request, "sequence", least=1)
    size = _whole(request, "size", least=0)
    raw = await body(request, CHUNK_LIMIT)
    content = inflate(raw)
    if content is None:
        raise Rejection(f"The chunk is not gzip, or holds more than {CHUNK_LIMIT} bytes", status=400)
    if len(content) != size:
        raise Rejection(f"The chunk says {size} bytes and holds {len(content)}", status=400)
    world.ledger.logs.add(job.build, job.id, sequence=sequence, body=raw, text_size=size, lines=content.count(b"\n"))
    world.live.tell(f"log/{job.id}")
    return answer({"id": job.id}, 201)


async def header_times(request: Request) -> Response:
    """Only agents without ANSI timestamps send these; the page takes its times from the log itself."""
    working(request)
    await fields(request)
    return answer({})


def _whole(request: Request, name: str, *, least: int) -> int:
    value = request.query_params.get(name, "")
    if not value.isascii() or not value.isdigit() or not least <= int(value) < 2**53:
        raise Rejection(f"{name!r} must be a whole number from {least}", status=400)
    return int(value)


ROUTES = [
    Route("/jobs/{job}/accept", accept, methods=["PUT"]),
    Route("/jobs/{job}/acquire", acquire, methods=["PUT"]),
    Route("/jobs/{job}/start", start, methods=["PUT"]),
    Route("/jobs/{job}/finish", finish, methods=["PUT"]),
    Route("/jobs/{job}/chunks", chunk, methods=["POST"]),
    Route("/jobs/{job}/header_times", header_times, methods=["POST"]),
    Route("/jobs/{job}", state, methods=["GET"]),
]
