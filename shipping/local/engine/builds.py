"""How a build begins, and how it grows by uploads."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.commands import ForgetPipeline, SetMetaData
from shipping.local.engine.documents import plain
from shipping.local.engine.draft import derived
from shipping.local.engine.expand import Expanded, Origin, expand
from shipping.local.engine.intermediate import supersede
from shipping.local.engine.kinds import Group
from shipping.local.engine.records import Build, Job, shares
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.retry import JOBS_PER_BUILD
from shipping.local.engine.settle import settle
from shipping.local.engine.states import TAKEN
from shipping.local.engine.triggers import adopt

if TYPE_CHECKING:
    from shipping.local.engine.draft import Draft
    from shipping.local.engine.events import BuildCreated, CommitResolved, PipelineDeleted, PipelineUploaded
    from shipping.local.engine.records import Step

UPLOADS_PER_BUILD = 500


def create(draft: Draft, event: BuildCreated) -> None:
    """Begin a build with the steps of its pipeline's configuration."""
    numbers = (build.number for build in draft.builds() if build.pipeline.slug == event.pipeline.slug)
    link = adopt(draft, event)
    build = Build(
        id=event.id,
        number=max(numbers, default=0) + 1,
        pipeline=event.pipeline,
        branch=event.branch,
        commit=event.commit,
        message=event.message,
        created_at=draft.at,
        author=event.author,
        source=event.source,
        env=event.env,
        pull_request=event.pull_request,
        triggered_from=link,
    )
    origin = Origin(build=event.id, seed="configuration", queued_at=draft.at, pipelines=event.pipelines, asked=build)
    expanded = expand(event.document, origin)
    draft.put(build)
    draft.commands += [SetMetaData(build=build.id, key=key, value=value) for key, value in event.meta_data.items()]
    _insert(draft, build, expanded, behind=None)
    for older in supersede(draft, build):
        settle(draft, older)
    settle(draft, build.id)
    if link is not None:
        settle(draft, link.build)


def upload(draft: Draft, event: PipelineUploaded) -> None:
    """Insert the uploaded steps behind the step that uploads them. The same uuid again changes nothing."""
    job = draft.job(event.job)
    build = draft.build(job.build)
    digest = hashlib.sha256(json.dumps(plain(event.document), sort_keys=True).encode()).hexdigest()
    if event.uuid in build.uploads:
        if build.uploads[event.uuid] != digest:
            raise Rejection(f"The upload {event.uuid} has been applied before, with other content")
        return
    if job.state not in TAKEN or build.canceled_at is not None:
        raise Rejection("You can only change the pipeline of a running build")
    if len(build.uploads) >= UPLOADS_PER_BUILD:
        raise Rejection(f"The build has {UPLOADS_PER_BUILD} uploads, more are not allowed")
    step = draft.step(job)
    origin = Origin(
        build=build.id,
        seed=event.uuid,
        queued_at=step.queued_at,
        uploader=step.id,
        taken=frozenset(one.key for one in draft.steps(build.id).values() if one.key),
        pipelines=event.pipelines,
        asked=build,
    )
    expanded = expand(event.document, origin)
    _insert(draft, replace(build, uploads={**build.uploads, event.uuid: digest}), expanded, behind=step)
    settle(draft, build.id)


def resolve(draft: Draft, event: CommitResolved) -> None:
    """Take the commit that HEAD turned out to be; a build that names its commit keeps it."""
    build = draft.build(event.build)
    if build.commit == "HEAD":
        draft.put(replace(build, commit=event.commit, message=build.message or event.message))


def delete(draft: Draft, event: PipelineDeleted) -> None:
    """Forget a pipeline with all its builds; refused while one of them runs."""
    builds = [build for build in draft.builds() if build.pipeline.slug == event.slug]
    running = [build for build in builds if build.finished_at is None]
    if running:
        raise Rejection(f"Pipeline {event.slug!r} cannot be deleted: build #{running[0].number} has not finished")
    for build in builds:
        draft.forget(build)
    draft.commands.append(ForgetPipeline(slug=event.slug))


def _insert(draft: Draft, build: Build, expanded: Expanded, *, behind: Step | None) -> None:
    new = [job for step in expanded.steps for job in _jobs(draft, step)]
    count = len(draft.jobs(build.id))
    if count + len(new) > JOBS_PER_BUILD:
        raise Rejection(f"The build would have {count + len(new)} jobs, more than the {JOBS_PER_BUILD} it may have")
    place = build.order.index(behind.id) + 1 if behind else len(build.order)
    ids = tuple(step.id for step in expanded.steps)
    if behind is not None and behind.group is not None:
        # Steps uploaded from inside a group stand behind the group: they are not part of it.
        steps = draft.steps(build.id)
        while place < len(build.order) and steps[build.order[place]].group == behind.group:
            place += 1
    draft.put(
        replace(
            build,
            order=(*build.order[:place], *ids, *build.order[place:]),
            pipeline_env={**build.pipeline_env, **expanded.env},
            notify=(*build.notify, *expanded.notify),
        )
    )
    for step in expanded.steps:
        draft.put(step)
    for offset, job in enumerate(new):
        draft.put(replace(job, place=count + offset))


def _jobs(draft: Draft, step: Step) -> list[Job]:
    if isinstance(step.body, Group):
        return []
    job = Job(id="", build=step.build, step=step.id, place=0, created_at=draft.at)
    if step.omitted is not None:
        job = replace(job, state=step.omitted, reason=step.reason, finished_at=draft.at)
    return [replace(job, id=derived(step.id, index, 0), index=index) for index in range(shares(step))]
