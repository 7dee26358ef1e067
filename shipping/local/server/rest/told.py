"""Builds, jobs, pipelines and agents, as Buildkite's REST API describes them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from shipping.local.engine.environment import job_name
from shipping.local.engine.kinds import Block, Command, Input, Trigger, Wait
from shipping.local.engine.matrix import command_of
from shipping.local.engine.records import latest
from shipping.local.engine.rollup import is_blocked
from shipping.local.engine.states import AgentState, JobState
from shipping.local.server.moments import moment
from shipping.local.server.rest import settings

if TYPE_CHECKING:
    from shipping.local.engine.records import Agent, Author, Build, Job, Pipeline, PullRequest, Step
    from shipping.local.server.plane import Plane

TYPES = {Command: "script", Wait: "waiter", Block: "manual", Input: "manual", Trigger: "trigger"}
ANY_FINISHED = frozenset({"passed", "failed", "blocked", "canceled"})


def api(world: Plane, *path: object) -> str:
    """Return the address of something in the REST API."""
    return "/".join([f"{world.site.url}/v2/organizations/{world.site.organization}", *map(str, path)])


def pipeline(world: Plane, told: Pipeline) -> dict[str, Any]:
    """Return a pipeline with its counts."""
    builds = [build for build in world.state.builds.values() if build.pipeline.slug == told.slug]
    states = [job.state for build in builds for job in world.state.jobs[build.id].values() if build.finished_at is None]
    return {
        "id": told.id,
        "url": api(world, "pipelines", told.slug),
        "web_url": f"{world.site.url}/{world.site.organization}/{told.slug}",
        "builds_url": api(world, "pipelines", told.slug, "builds"),
        "slug": told.slug,
        "name": told.name,
        "description": told.description,
        "repository": told.repository,
        "default_branch": told.default_branch,
        "configuration": told.configuration,
        "env": dict(told.env),
        "created_at": moment(told.created_at),
        "skip_queued_branch_builds": told.skip_queued_branch_builds,
        "skip_queued_branch_builds_filter": told.skip_queued_branch_builds_filter or None,
        "cancel_running_branch_builds": told.cancel_running_branch_builds,
        "cancel_running_branch_builds_filter": told.cancel_running_branch_builds_filter or None,
        **settings.shown(world, told.slug),
        "scheduled_builds_count": sum(build.state == "scheduled" for build in builds),
        "running_builds_count": sum(build.state in ("running", "failing") for build in builds),
        "scheduled_jobs_count": sum(state is JobState.SCHEDULED for state in states),
        "running_jobs_count": sum(state is JobState.RUNNING for state in states),
        "waiting_jobs_count": sum(state is JobState.WAITING for state in states),
    }


def build(world: Plane, told: Build, *, retried: bool = False) -> dict[str, Any]:
    """Return a build with its jobs in the order of the pipeline; retried ones only if asked for."""
    place = {step_id: index for index, step_id in enumerate(told.order)}
    jobs = sorted(
        (one for one in world.state.jobs[told.id].values() if retried or one.retried_in is None),
        key=lambda one: (place[one.step], one.index, one.attempt),
    )
    return {
        "id": told.id,
        "number": told.number,
        "url": api(world, "pipelines", told.pipeline.slug, "builds", told.number),
        "web_url": world.site.build_url(told),
        "state": told.blocked_state or told.state,
        "blocked": is_blocked(latest(world.state.jobs[told.id])),
        "message": told.message,
        "commit": told.commit,
        "branch": told.branch,
        "tag": None,
        "env": dict(told.env),
        "source": told.source,
        "author": {"name": told.author.name, "email": told.author.email},
        "creator": person(told.author),
        "created_at": moment(told.created_at),
        "scheduled_at": moment(told.created_at),
        "started_at": moment(told.started_at),
        "finished_at": moment(told.finished_at),
        "meta_data": world.ledger.meta_data.all(told.id),
        "pull_request": _pull_request(told.pull_request),
        "rebuilt_from": None,
        "triggered_from": _triggered_from(told),
        "pipeline": pipeline(world, told.pipeline),
        "jobs": [job(world, told, one) for one in jobs],
    }


def job(world: Plane, of: Build, told: Job) -> dict[str, Any]:
    """Return one job as its kind is told; a wait has no more than its state."""
    step = world.state.steps[of.id][told.step]
    group = world.state.steps[of.id][step.group] if step.group else None
    own = {
        "id": told.id,
        "type": TYPES[type(step.body)],
        "name": job_name(step, told) or None,
        "step_key": step.key,
        "step": {"id": step.id},
        "group_key": group.key if group else None,
        # Buildkite's REST API knows no other word for a job that its concurrency group holds back.
        "state": JobState.SCHEDULED if told.state is JobState.LIMITED else told.state,
        "web_url": f"{world.site.build_url(of)}#{told.id}",
        "created_at": moment(told.created_at),
        "finished_at": moment(told.finished_at),
    }
    match step.body:
        case Command():
            return own | _work(world, of, told, command_of(step, told) or step.body)
        case Block() | Input():
            return own | _asked(world, of, told, step)
        case Trigger():
            return own | _trigger(world, told, step.body)
    return own


def _asked(world: Plane, of: Build, told: Job, step: Step) -> dict[str, Any]:
    """Return what a block or input has more. Its fields, prompt and teams are ours to tell: Buildkite's API has none."""
    body, by = step.body, told.unblocker
    if not isinstance(body, Block | Input):
        raise TypeError(step.id)
    return {
        "label": job_name(step, told) or None,
        "unblockable": told.state is JobState.BLOCKED and of.canceled_at is None,
        "unblock_url": api(world, "pipelines", of.pipeline.slug, "builds", of.number, "jobs", told.id, "unblock"),
        "unblocked_by": None if by is None else person(by),
        "unblocked_at": moment(told.finished_at) if by is not None else None,
        "prompt": body.prompt or None,
        "fields": [asdict(one) for one in body.fields],
        "allowed_teams": list(body.allowed_teams),
    }


def _trigger(world: Plane, told: Job, body: Trigger) -> dict[str, Any]:
    made = world.state.builds.get(told.triggered or "")
    return {
        "async": body.asynchronous,
        "soft_failed": told.soft_failed,
        "scheduled_at": moment(told.scheduled_at),
        "started_at": moment(told.started_at),
        "parallel_group_index": told.index if body.parallelism is not None else None,
        "parallel_group_total": body.parallelism,
        "triggered_build": None
        if made is None
        else {
            "id": made.id,
            "number": made.number,
            "url": api(world, "pipelines", made.pipeline.slug, "builds", made.number),
            "web_url": world.site.build_url(made),
        },
    }


def _triggered_from(told: Build) -> dict[str, Any] | None:
    above = told.triggered_from
    if above is None:
        return None
    return {"build_id": above.build, "build_number": above.number, "build_pipeline_slug": above.pipeline}


def person(told: Author) -> dict[str, Any]:
    """Return a person; their id is their address: there are no accounts here."""
    return {"id": told.email, "name": told.name, "email": told.email, "avatar_url": None}


def _work(world: Plane, of: Build, told: Job, body: Command) -> dict[str, Any]:
    here = api(world, "pipelines", of.pipeline.slug, "builds", of.number, "jobs", told.id)
    holder = world.state.agents.get(told.agent) if told.agent else None
    return {
        "build_url": api(world, "pipelines", of.pipeline.slug, "builds", of.number),
        "log_url": f"{here}/log",
        "raw_log_url": f"{here}/log.txt",
        "artifacts_url": f"{here}/artifacts",
        "command": body.command,
        "agent_query_rules": list(body.agents),
        "artifact_paths": ";".join(body.artifact_paths) or None,
        "priority": {"number": body.priority},
        "soft_failed": told.soft_failed,
        "exit_status": told.exit_status,
        "signal": told.signal or None,
        "signal_reason": told.signal_reason or None,
        "agent": None if holder is None else agent(world, holder),
        "scheduled_at": moment(told.scheduled_at),
        "runnable_at": moment(told.scheduled_at),
        "started_at": moment(told.started_at),
        "retried": told.retried_in is not None,
        "retried_in_job_id": told.retried_in,
        "retries_count": told.attempt,
        "retry_type": told.retry_type or None,
        "parallel_group_index": told.index if body.parallelism is not None else None,
        "parallel_group_total": body.parallelism,
        "cluster_id": None,
    }


def agent(world: Plane, told: Agent) -> dict[str, Any]:
    """Return one agent."""
    return {
        "id": told.id,
        "url": api(world, "agents", told.id),
        "web_url": f"{world.site.url}/agents",
        "name": told.name,
        "connection_state": "disconnected" if told.state is AgentState.DISCONNECTED else told.state,
        "hostname": told.hostname,
        "ip_address": "127.0.0.1",
        "user_agent": f"buildkite-agent/{told.version} ({told.os}; {told.arch})",
        "version": told.version,
        "created_at": moment(told.registered_at),
        "last_job_finished_at": None,
        "priority": told.priority,
        "meta_data": list(told.tags),
        "paused": False,
        "pid": told.pid,
        "job": None if told.job is None else {"id": told.job},
    }


def _pull_request(told: PullRequest | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "id": told.id,
        "base": told.base_branch,
        "repository": told.repository,
        "labels": list(told.labels),
        "draft": told.draft,
    }
