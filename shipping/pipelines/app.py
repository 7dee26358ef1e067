"""`<app>`: tests, their proof and the slug, of main and of pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.pipelines.desired import Desired

if TYPE_CHECKING:
    from shipping.pipelines.desired import Context


def define(context: Context) -> Desired:
    """Return the app's pipeline: every commit of main is built, on other branches only the newest matters."""
    config, buildkite = context.config, context.config.buildkite
    not_main = f"!{config.main_branch}"
    return Desired(
        slug=buildkite.pipeline_slug(config.app),
        settings={
            "repository": context.repository,
            "default_branch": config.main_branch,
            "configuration": first_step(buildkite.queue("plan")),
            "skip_queued_branch_builds": True,
            "skip_queued_branch_builds_filter": not_main,
            "cancel_running_branch_builds": True,
            "cancel_running_branch_builds_filter": not_main,
        },
        provider={
            "trigger_mode": "code",
            # A commit may come to main that was built on its branch: main's build is the one that ships.
            "skip_builds_for_existing_commits": False,
        },
        cluster=buildkite.cluster,
        teams=buildkite.teams,
    )


def first_step(queue: str) -> str:
    """Return the steps that stand in the pipeline's settings: one, which uploads what the commit itself says.

    No queue is named where it is the default one: a cluster may call its default queue anything.
    """
    agents = "" if queue == "default" else f'    agents: {{queue: "{queue}"}}\n'
    return f'steps:\n  - label: ":pipeline: upload"\n    command: "buildkite-agent pipeline upload"\n{agents}'
