"""The environment of a job, as the control plane supplies it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from shipping.local.engine.conditions.facts import ORGANIZATION_ID
from shipping.local.engine.draft import derived
from shipping.local.engine.kinds import Block, Command, Group, Input
from shipping.local.engine.matrix import command_of, fill, of_job
from shipping.local.engine.records import parallelism

if TYPE_CHECKING:
    from shipping.local.engine.records import Agent, Build, Job, PullRequest, State, Step, TriggeredFrom

MESSAGE_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where this Buildkite is: the address of its page, and the one organization it has."""

    url: str
    organization: str
    organization_id: str = ORGANIZATION_ID

    def build_url(self, build: Build) -> str:
        return f"{self.url}/{self.organization}/{build.pipeline.slug}/builds/{build.number}"


def job_name(step: Step, job: Job) -> str:
    """Return the label with the share (``%n`` from 0, ``%N`` from 1, ``%t`` and ``%T`` their number) or matrix filled in."""
    total = str(parallelism(step) or 1)
    label = fill(step.label, of_job(step, job))
    for mark, value in (("%n", str(job.index)), ("%N", str(job.index + 1)), ("%t", total), ("%T", total)):
        label = label.replace(mark, value)
    return label


def job_env(state: State, job: Job, site: Site) -> dict[str, str]:
    """Return what the agent is given. The step's own variables win over the build's, and ours over both."""
    build = state.builds[job.build]
    steps = state.steps[job.build]
    step = steps[job.step]
    body = command_of(step, job) or Command()
    group = steps[step.group] if step.group else None
    agent = state.agents.get(job.agent) if job.agent else None
    return {
        **build.pipeline.env,
        **build.pipeline_env,
        **build.env,
        **body.env,
        **_of_build(build, site),
        **_of_unblocker(state, job),
        **_of_step(step, body, job, group),
        **_of_agent(agent),
    }


def _of_build(build: Build, site: Site) -> dict[str, str]:
    pipeline, author = build.pipeline, build.author
    return {
        "CI": "true",
        "BUILDKITE": "true",
        "BUILDKITE_ORGANIZATION_SLUG": site.organization,
        "BUILDKITE_ORGANIZATION_ID": site.organization_id,
        "BUILDKITE_PIPELINE_ID": pipeline.id,
        "BUILDKITE_PIPELINE_SLUG": pipeline.slug,
        "BUILDKITE_PIPELINE_NAME": pipeline.name,
        "BUILDKITE_PIPELINE_DEFAULT_BRANCH": pipeline.default_branch,
        "BUILDKITE_PIPELINE_PROVIDER": "git",
        "BUILDKITE_PIPELINE_TEAMS": "",
        "BUILDKITE_REPO": pipeline.repository,
        "BUILDKITE_BUILD_ID": build.id,
        "BUILDKITE_BUILD_NUMBER": str(build.number),
        "BUILDKITE_BUILD_URL": site.build_url(build),
        "BUILDKITE_BUILD_AUTHOR": author.name,
        "BUILDKITE_BUILD_AUTHOR_EMAIL": author.email,
        "BUILDKITE_BUILD_CREATOR": author.name,
        "BUILDKITE_BUILD_CREATOR_EMAIL": author.email,
        "BUILDKITE_BUILD_CREATOR_TEAMS": "",
        "BUILDKITE_BRANCH": build.branch,
        "BUILDKITE_COMMIT": build.commit,
        "BUILDKITE_MESSAGE": build.message.encode()[:MESSAGE_LIMIT].decode(errors="ignore"),
        "BUILDKITE_TAG": "",
        "BUILDKITE_SOURCE": build.source,
        **_of_pull_request(build.pull_request),
        **_of_trigger(build.triggered_from),
        "BUILDKITE_COMPUTE_TYPE": "self-hosted",
    }


def _of_unblocker(state: State, job: Job) -> dict[str, str]:
    """Return who unblocked the build last, before the job was taken. They are in the teams that the block lets through."""
    until = job.accepted_at or inf
    unblocked = [
        (one.finished_at, one.place, one.unblocker, state.steps[one.build][one.step].body)
        for one in state.jobs[job.build].values()
        if one.unblocker is not None and one.finished_at is not None and one.finished_at <= until
    ]
    if not unblocked:
        return {}
    _, _, by, body = max(unblocked, key=lambda one: one[:2])
    return {
        "BUILDKITE_UNBLOCKER": by.name,
        "BUILDKITE_UNBLOCKER_EMAIL": by.email,
        "BUILDKITE_UNBLOCKER_ID": by.email,
        "BUILDKITE_UNBLOCKER_TEAMS": ":".join(body.allowed_teams) if isinstance(body, Block | Input) else "",
    }


def _of_pull_request(pull: PullRequest | None) -> dict[str, str]:
    if pull is None:
        # An empty number would make the agent fetch refs/pull//head.
        return {
            "BUILDKITE_PULL_REQUEST": "false",
            "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "",
            "BUILDKITE_PULL_REQUEST_REPO": "",
            "BUILDKITE_PULL_REQUEST_LABELS": "",
        }
    return {
        "BUILDKITE_PULL_REQUEST": pull.id,
        "BUILDKITE_PULL_REQUEST_BASE_BRANCH": pull.base_branch,
        "BUILDKITE_PULL_REQUEST_REPO": pull.repository,
        "BUILDKITE_PULL_REQUEST_LABELS": ",".join(pull.labels),
        # Documented to be there for drafts only.
        **({"BUILDKITE_PULL_REQUEST_DRAFT": "true"} if pull.draft else {}),
    }


def _of_trigger(above: TriggeredFrom | None) -> dict[str, str]:
    return {
        "BUILDKITE_TRIGGERED_FROM_BUILD_ID": above.build if above else "",
        "BUILDKITE_TRIGGERED_FROM_BUILD_NUMBER": str(above.number) if above else "",
        "BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG": above.pipeline if above else "",
    }


def _of_step(step: Step, body: Command, job: Job, group: Step | None) -> dict[str, str]:
    told = {
        "BUILDKITE_JOB_ID": job.id,
        "BUILDKITE_STEP_ID": step.id,
        "BUILDKITE_STEP_KEY": step.key or "",
        "BUILDKITE_LABEL": job_name(step, job),
        "BUILDKITE_COMMAND": body.command,
        "BUILDKITE_PLUGINS": json.dumps(list(body.plugins)),
        "BUILDKITE_ARTIFACT_PATHS": ";".join(body.artifact_paths),
        "BUILDKITE_TIMEOUT": "false" if body.timeout_in_minutes is None else str(body.timeout_in_minutes),
        "BUILDKITE_RETRY_COUNT": str(job.attempt),
    }
    if body.parallelism is not None:
        told |= {
            "BUILDKITE_PARALLEL_JOB": str(job.index),
            "BUILDKITE_PARALLEL_JOB_COUNT": str(body.parallelism),
        }
    if group is not None and isinstance(group.body, Group):
        told |= {
            "BUILDKITE_GROUP_ID": group.id,
            "BUILDKITE_GROUP_KEY": group.key or "",
            "BUILDKITE_GROUP_LABEL": group.label,
        }
    return told


def _of_agent(agent: Agent | None) -> dict[str, str]:
    if agent is None:
        return {}
    tags = dict(tag.partition("=")[::2] for tag in agent.tags)
    return {
        "BUILDKITE_AGENT_ID": agent.id,
        "BUILDKITE_AGENT_NAME": agent.name,
        "BUILDKITE_AGENT_META_DATA_QUEUE": "default",
        **{f"BUILDKITE_AGENT_META_DATA_{_variable(name)}": value for name, value in tags.items()},
    }


def _variable(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name).upper()


def pipeline_id(slug: str) -> str:
    """Return the id of a pipeline: the same for the same pipeline slug, wherever it is created."""
    return derived("00000000-0000-4000-8000-000000000002", slug)
