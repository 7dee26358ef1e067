"""What a person does on the page: forms that are posted, checked by the guard, and answered with the page to go to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from shipping.local.engine import fields
from shipping.local.engine.events import BuildCanceled, JobCanceled, JobRetried, JobUnblocked
from shipping.local.engine.kinds import Block, Input
from shipping.local.engine.records import Author
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import JobState
from shipping.local.server.page.asking import first_questions, given, questions
from shipping.local.server.page.rendering import Part, guard, respond
from shipping.local.server.page.rows import build_path
from shipping.local.server.page.views import ONE, ours
from shipping.local.server.rest import found
from shipping.local.server.rest.builds import begin
from shipping.local.server.wire import body, plane

if TYPE_CHECKING:
    from starlette.requests import Request

    from shipping.local.engine.records import Build, Job
    from shipping.local.server.page.asking import Form
    from shipping.local.server.plane import Plane

FORM_LIMIT = 1024 * 1024
FORM_FIELDS = 1000
FORM_TYPE = "application/x-www-form-urlencoded"


async def posted(request: Request) -> Form:
    """Return the form; raises Rejection where it is none, or none of ours."""
    ours(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise Rejection(f"The form must be sent as {FORM_TYPE}", status=415)
    raw = await body(request, FORM_LIMIT)
    try:
        form = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS)
    except ValueError as error:
        raise Rejection(f"The form cannot be read: {error}", status=400) from None
    guard(request).check(request, form)
    return form


def _to(path: str) -> Response:
    return RedirectResponse(path, status_code=303)


def _back(world: Plane, form: Form, of: Build, job_id: str) -> Response:
    """Go to where the button stood: the job's own page, or its line in the build."""
    page = build_path(of, world.site)
    return _to(f"{page}/jobs/{job_id}" if form.get("then") == ["job"] else f"{page}#{job_id}")


async def cancel_build(request: Request) -> Response:
    """Cancel a build."""
    await posted(request)
    world, of = plane(request), found.build(request)
    world.apply(BuildCanceled(at=world.now(), build=of.id))
    return _to(build_path(of, world.site))


async def cancel_job(request: Request) -> Response:
    """Cancel one job."""
    form = await posted(request)
    world, of, job = plane(request), found.build(request), found.job(request)
    world.apply(JobCanceled(at=world.now(), job=job.id))
    return _back(world, form, of, job.id)


async def retry_job(request: Request) -> Response:
    """Retry one job, and go to its next attempt."""
    form = await posted(request)
    world, of, job = plane(request), found.build(request), found.job(request)
    world.apply(JobRetried(at=world.now(), job=job.id))
    return _back(world, form, of, world.state.jobs[of.id][job.id].retried_in or job.id)


async def ask_unblock(request: Request) -> Response:
    """The questions of a block or input step."""
    ours(request)
    of, job = found.build(request), found.job(request)
    if job.state is not JobState.BLOCKED:
        raise Rejection(f"This step is {job.state}: there is nothing to unblock")
    return _unblock_form(request, of, job, form={}, message="")


async def unblock(request: Request) -> Response:
    """Answer the questions; what is wrong with an answer is said in the form, which keeps the others."""
    form = await posted(request)
    world, of, job = plane(request), found.build(request), found.job(request)
    step = _asking(world, of, job)
    try:
        world.apply(JobUnblocked(at=world.now(), job=job.id, fields=given(step.fields, form), by=Author()))
    except Rejection as error:
        return _unblock_form(request, of, job, form=form, message=error.message)
    return _to(f"{build_path(of, world.site)}#{job.id}")


def _asking(world: Plane, of: Build, job: Job) -> Block | Input:
    step = world.state.steps[of.id][job.step].body
    if not isinstance(step, (Block, Input)):
        raise Rejection("This job asks nothing: only block and input steps are unblocked")
    return step


def _unblock_form(request: Request, of: Build, job: Job, *, form: Form, message: str) -> Response:
    world, page = plane(request), build_path(of, plane(request).site)
    step = _asking(world, of, job)
    label = world.state.steps[of.id][job.step].label
    told = {
        "address": f"{page}/jobs/{job.id}/unblock",
        "back": f"{page}#{job.id}",
        "heading": label or step.prompt or "Unblock",
        "prompt": step.prompt if step.prompt != label else "",
        "submit": step.submit or "Continue",
        "teams": step.allowed_teams,
        "questions": questions(step.fields, form),
        "message": message,
    }
    return respond(
        request,
        "form.html",
        status=422 if message else 200,
        title=f"{told['heading']}: local Buildkite",
        crumbs=[(of.pipeline.name, f"/{world.site.organization}/{of.pipeline.slug}"), (f"#{of.number}", page)],
        parts=[Part(name="unblock", topics=(), told=lambda: told)],
    )


async def ask_build(request: Request) -> Response:
    """The New Build form; its address may fill it in: ``?message=&branch=&commit=&env=``."""
    ours(request)
    asked = {name: request.query_params.getlist(name) for name in request.query_params}
    return _new_form(request, asked, message="")


async def create_build(request: Request) -> Response:
    """Create a build, answer its leading input step, and go to it."""
    form = await posted(request)
    world, pipeline = plane(request), found.pipeline(request)
    first = first_questions(pipeline)
    try:
        asked = {name: _one(form, name) for name in ("message", "branch", "commit")}
        answers = {} if first is None else given(first.fields, form)
        fields.answers(first.fields if first else (), answers)
        of = await begin(world, pipeline, asked | {"env": _env(_one(form, "env")), "clean_checkout": _clean(form)})
    except Rejection as error:
        return _new_form(request, form, message=error.message)
    if first is not None:
        _answer(world, of, answers)
    return _to(build_path(of, world.site))


def _answer(world: Plane, of: Build, answers: dict[str, str | tuple[str, ...]]) -> None:
    """Unblock the first step. Where a condition has taken it out of the build there is nothing to answer."""
    step = world.state.steps[of.id][of.order[0]]
    job = next(one for one in world.state.jobs[of.id].values() if one.step == step.id)
    if job.state is JobState.BLOCKED:
        world.apply(JobUnblocked(at=world.now(), job=job.id, fields=answers, by=Author()))


def _one(form: Form, name: str) -> str:
    return form.get(name, [""])[0].strip()


def _clean(form: Form) -> bool:
    return _one(form, "clean") == "true"


def _env(text: str) -> dict[str, str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if not line.partition("=")[0].isidentifier() or "=" not in line:
            raise Rejection(f"The environment variable {line!r} is not of the form NAME=value")
    return dict(line.partition("=")[::2] for line in lines)


def _new_form(request: Request, form: Form, *, message: str) -> Response:
    world, pipeline = plane(request), found.pipeline(request)
    page = f"/{world.site.organization}/{pipeline.slug}"
    first = first_questions(pipeline)
    told = {
        "address": f"{page}/builds/new",
        "back": page,
        "pipeline": pipeline.name,
        "message": message,
        "told": {
            "message": _one(form, "message"),
            "branch": _one(form, "branch") or pipeline.default_branch,
            "commit": _one(form, "commit") or "HEAD",
            "env": _one(form, "env"),
            "clean": _clean(form),
        },
        "prompt": "" if first is None else first.prompt,
        "questions": [] if first is None else questions(first.fields, form),
    }
    return respond(
        request,
        "form.html",
        status=422 if message else 200,
        title=f"New Build of {pipeline.name}",
        crumbs=[("Pipelines", "/"), (pipeline.name, page)],
        parts=[Part(name="new-build-form", topics=(), told=lambda: told)],
    )


NEW = "/{organization}/{pipeline}/builds/new"
JOB = ONE + "/jobs/{job}"
ROUTES = [
    Route(NEW, ask_build, methods=["GET"]),
    Route(NEW, create_build, methods=["POST"]),
    Route(ONE + "/cancel", cancel_build, methods=["POST"]),
    Route(JOB + "/cancel", cancel_job, methods=["POST"]),
    Route(JOB + "/retry", retry_job, methods=["POST"]),
    Route(JOB + "/unblock", ask_unblock, methods=["GET"]),
    Route(JOB + "/unblock", unblock, methods=["POST"]),
]
