"""The pipelines that deploy: a merge comes to hosts only where these are there, so a build brings them along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.errors import UsageError
from shipping.local.world.repository import configurations
from shipping.pipelines import deploy
from shipping.pipelines.desired import Context
from shipping.pipelines.local import lacking, make_room
from shipping.pipelines.sync import sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline_gen.config import Config
    from shipping.local.world.client import World
    from shipping.pipelines.difference import Difference


def bring_deploys(world: World, root: Path, app: str, *, say: Callable[[str], None]) -> None:
    """Create the app's deploy pipelines, and bring their settings to what the configuration in the folder says.

    Does nothing for a configuration that is wrong: the build itself will tell.
    """
    from shipping.buildkite.organization import Organization

    config = _config(root, app)
    if config is None or not config.deploying:
        return
    organization = Organization(world.api, world.organization)
    pipelines = deploy.define(Context(config=config, repository=str(root.resolve())))
    make_room(organization, lacking(organization, pipelines, config.buildkite.used))

    def show(difference: Difference) -> None:
        if difference.action != "none":
            say(f"pipeline {difference.slug!r}: {difference.action}d, it deploys what {app!r} releases")

    sync(organization, pipelines, act=True, show=show)


def _config(root: Path, app: str) -> Config | None:
    try:
        return next((one for one in configurations(root) if one.app == app), None)
    except UsageError:
        return None
