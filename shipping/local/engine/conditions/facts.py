"""What a condition may ask about: the variables with their kinds, and what they are for one build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.local.engine.records import Build

Value = str | int | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``words`` are all that the value can be, where there are few."""

    name: str
    words: tuple[str, ...] = ()


STRING, NUMBER, BOOLEAN = Kind(name="string"), Kind(name="number"), Kind(name="boolean")
LIST, NULL, REGEXP = Kind(name="list"), Kind(name="null"), Kind(name="regular expression")
BUILD_STATE = Kind(
    name="build state",
    words=(
        *("creating", "started", "scheduled", "running", "passed", "failing", "failed", "started_failing"),
        *("blocked", "canceling", "canceled", "skipped", "not_run"),
    ),
)
BLOCKED_STATE = Kind(name="blocked state", words=("passed", "failed", "running"))
SOURCE = Kind(name="build source", words=("ui", "api", "webhook", "trigger_job", "schedule", "pipeline_trigger"))
STEP_TYPE = Kind(name="step type", words=("command", "wait", "input", "trigger", "group"))
STEP_STATE = Kind(
    name="step state", words=("ignored", "waiting_for_dependencies", "ready", "running", "failing", "finished")
)
OUTCOME = Kind(name="step outcome", words=("neutral", "passed", "soft_failed", "hard_failed", "errored"))

VARIABLES: dict[str, Kind] = {
    **dict.fromkeys(("build.author.email", "build.author.id", "build.author.name"), STRING),
    **dict.fromkeys(("build.creator.email", "build.creator.id", "build.creator.name"), STRING),
    **dict.fromkeys(("build.author.teams", "build.creator.teams", "build.pull_request.labels"), LIST),
    **dict.fromkeys(("build.creator.verified", "build.fixed"), BOOLEAN),
    **dict.fromkeys(("build.branch", "build.commit", "build.id", "build.message", "build.tag"), STRING),
    **dict.fromkeys(("build.source_event", "build.source_action"), STRING),
    **dict.fromkeys(("build.merge_queue.base_branch", "build.merge_queue.base_commit"), STRING),
    **dict.fromkeys(("build.pull_request.base_branch", "build.pull_request.id"), STRING),
    **dict.fromkeys(("build.pull_request.label", "build.pull_request.repository"), STRING),
    **dict.fromkeys(("build.pull_request.draft", "build.pull_request.repository.fork"), BOOLEAN),
    "build.blocked_state": BLOCKED_STATE,
    "build.number": NUMBER,
    "build.source": SOURCE,
    "build.state": BUILD_STATE,
    **dict.fromkeys(("pipeline.default_branch", "pipeline.id", "pipeline.repository", "pipeline.slug"), STRING),
    **dict.fromkeys(("pipeline.started_failing", "pipeline.started_passing"), BOOLEAN),
    **dict.fromkeys(("organization.id", "organization.slug"), STRING),
}
OF_STEP: dict[str, Kind] = {
    **dict.fromkeys(("step.id", "step.key", "step.label"), STRING),
    "step.type": STEP_TYPE,
    "step.state": STEP_STATE,
    "step.outcome": OUTCOME,
}
"""Known in notifications only."""

PULL_REQUEST = "BUILDKITE_PULL_REQUEST"
ENVIRONMENT = (
    *("BUILDKITE_BRANCH", "BUILDKITE_TAG", "BUILDKITE_MESSAGE", "BUILDKITE_COMMIT"),
    *("BUILDKITE_PIPELINE_SLUG", "BUILDKITE_PIPELINE_NAME", "BUILDKITE_PIPELINE_ID", "BUILDKITE_ORGANIZATION_SLUG"),
    *("BUILDKITE_TRIGGERED_FROM_BUILD_ID", "BUILDKITE_TRIGGERED_FROM_BUILD_NUMBER"),
    *("BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG", "BUILDKITE_REBUILT_FROM_BUILD_ID"),
    *("BUILDKITE_REBUILT_FROM_BUILD_NUMBER", "BUILDKITE_REPO", PULL_REQUEST, f"{PULL_REQUEST}_BASE_BRANCH"),
    *(f"{PULL_REQUEST}_REPO", f"{PULL_REQUEST}_LABELS"),
)
"""The names that ``build.env()`` knows of Buildkite's own; it refuses the others."""

OF_GITHUB = "BUILDKITE_GITHUB_"
"""What a webhook would bring; known by any name, and never set here."""

ORGANIZATION = "local"
ORGANIZATION_ID = "00000000-0000-4000-8000-000000000001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The variables' values (absent ones are null), and the environment that ``build.env()`` sees."""

    values: Mapping[str, Value] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


NOTHING = Facts()
"""For checking a condition without a build: every variable is null."""


def of_build(build: Build, env: Mapping[str, str]) -> Facts:
    """Return what a condition in this build's pipeline sees. ``env`` is that of the document it stands in."""
    return Facts(
        values={**_values(build), **_of_pull_request(build)},
        env={**build.pipeline.env, **build.pipeline_env, **env, **build.env, **_environment(build)},
    )


def _values(build: Build) -> dict[str, Value]:
    pipeline = build.pipeline
    return {
        "build.author.email": build.author.email,
        "build.author.name": build.author.name,
        "build.creator.email": build.author.email,
        "build.creator.name": build.author.name,
        "build.branch": build.branch,
        "build.commit": build.commit,
        "build.id": build.id,
        "build.message": build.message or None,
        "build.number": build.number,
        "build.source": build.source,
        "build.state": str(build.state),
        "pipeline.default_branch": pipeline.default_branch or None,
        "pipeline.id": pipeline.id,
        "pipeline.repository": pipeline.repository or None,
        "pipeline.slug": pipeline.slug,
        "organization.id": ORGANIZATION_ID,
        "organization.slug": ORGANIZATION,
    }


def _of_pull_request(build: Build) -> dict[str, Value]:
    pull = build.pull_request
    if pull is None:
        return {}
    return {
        "build.pull_request.base_branch": pull.base_branch or None,
        "build.pull_request.draft": pull.draft,
        "build.pull_request.id": pull.id,
        "build.pull_request.labels": pull.labels,
        "build.pull_request.repository": pull.repository or None,
        "build.pull_request.repository.fork": bool(pull.repository) and pull.repository != build.pipeline.repository,
    }


def _environment(build: Build) -> dict[str, str]:
    pipeline, pull, above = build.pipeline, build.pull_request, build.triggered_from
    return {
        "BUILDKITE_BRANCH": build.branch,
        "BUILDKITE_TAG": "",
        "BUILDKITE_MESSAGE": build.message,
        "BUILDKITE_COMMIT": build.commit,
        "BUILDKITE_PIPELINE_SLUG": pipeline.slug,
        "BUILDKITE_PIPELINE_NAME": pipeline.name,
        "BUILDKITE_PIPELINE_ID": pipeline.id,
        "BUILDKITE_ORGANIZATION_SLUG": ORGANIZATION,
        "BUILDKITE_REPO": pipeline.repository,
        "BUILDKITE_TRIGGERED_FROM_BUILD_ID": above.build if above else "",
        "BUILDKITE_TRIGGERED_FROM_BUILD_NUMBER": str(above.number) if above else "",
        "BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG": above.pipeline if above else "",
        "BUILDKITE_REBUILT_FROM_BUILD_ID": "",
        "BUILDKITE_REBUILT_FROM_BUILD_NUMBER": "",
        PULL_REQUEST: pull.id if pull else "false",
        f"{PULL_REQUEST}_LABELS": ",".join(pull.labels) if pull else "",
        f"{PULL_REQUEST}_BASE_BRANCH": pull.base_branch if pull else "",
        f"{PULL_REQUEST}_REPO": pull.repository if pull else "",
    }
