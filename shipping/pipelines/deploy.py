"""`<app>-deploy-<region>`: one job that decides, flips and deploys, in the pipeline's settings and without a checkout.

What an incident needs must not depend on the newest commit: no plugin, no file of the repository.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline_gen.pipelines.app import deploy_pipeline
from pipeline_gen.policy import MAIN_PRIORITY, RETRIES
from pipeline_gen.steps import Command
from shipping.pipelines.desired import Desired

if TYPE_CHECKING:
    from pipeline_gen.config import Config, Region
    from shipping.pipelines.desired import Context

MINUTES = 60
APP, REGION, BUCKET, TRUSTED = "SHIP_APP", "SHIP_REGION", "SHIP_BUCKET", "SHIP_TRUSTED"
# Newer agents skip it then; older ones need a checkout hook that does nothing.
NO_CHECKOUT = {"BUILDKITE_SKIP_CHECKOUT": "true"}


def define(context: Context) -> tuple[Desired, ...]:
    """Return the pipeline of every region that deploys."""
    return tuple(_define(context, region) for region in context.config.deploying)


def _define(context: Context, region: Region) -> Desired:
    config, buildkite = context.config, context.config.buildkite
    return Desired(
        slug=buildkite.pipeline_slug(deploy_pipeline(config.app, region.name)),
        settings={
            "repository": context.repository,
            "default_branch": config.main_branch,
            "configuration": first_step(config, region),
            # A rebuild would ask for an old commit under a new name; a retry of the job is the same act once more.
            "allow_rebuilds": False,
            # Which release is the newest is for the job to see: releases are ordered by position, builds are not.
            "skip_queued_branch_builds": False,
            "cancel_running_branch_builds": False,
        },
        # Pushes build nothing here: only the release's own build does, or a person.
        provider={"trigger_mode": "none"},
        cluster=buildkite.cluster,
        teams=buildkite.teams,
    )


def first_step(config: Config, region: Region) -> str:
    """Return the steps that stand in the pipeline's settings, as the YAML that JSON is."""
    first = Command(
        key="deploy",
        label=f"deploy to {region.name}",
        command="ship job deploy",
        queue=config.buildkite.queue("deploy"),
        timeout=MINUTES,
        priority=MAIN_PRIORITY,
        retry=RETRIES,
        env={APP: config.app, REGION: region.name, BUCKET: region.bucket, **_trusted(config), **NO_CHECKOUT},
    )
    return (
        json.dumps({"steps": [rendered(first, config.app, region.name, alone=region.deploy is not None)]}, indent=2)
        + "\n"
    )


def rendered(step: Command, app: str, region: str, *, alone: bool) -> dict[str, Any]:
    """Return a deploy's step as Buildkite reads it. ``alone``: the region's deploys are a team's own commands.

    Two of these at once could end in the wrong order. Whoever waits here and is not the newest ends at once. Hosts need no such
    order: they follow the lane, and a deploy that waits for them holds up nobody.
    """
    found = step.render()
    if step.queue == "default":
        del found["agents"]  # a cluster may call its default queue anything
    return {**found, "concurrency": 1, "concurrency_group": f"{app}/deploy/{region}"} if alone else found


def _trusted(config: Config) -> dict[str, str]:
    """Return the public keys that a deploy verifies with. They stand here because here no commit and no bucket says them."""
    if config.slug is None or config.slug.keys is None:
        return {}
    public = config.slug.keys.public
    named = [*(f"main {key}" for key in public.main), *(f"clearance {key}" for key in public.clearance)]
    return {TRUSTED: ",".join(named)}
