"""Which regions a command means, and where it reaches them: the options that say so, read the same by every verb."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_gen.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager, ExitStack

    from pipeline_gen.config import Config, Region
    from shipping.buildkite.organization import Organization
    from shipping.lane.ledger import Ledger
    from shipping.s3 import Bucket

FOLDER = click.Path(file_okay=False, path_type=Path)
app_option = click.option("--app", help="Which app's configuration, where the repository has several.")
region_option = click.option("--region", "names", multiple=True, help="A region; may be repeated.")
all_option = click.option("--all", "everywhere", is_flag=True, help="Every region that deploys.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
local_option = click.option("--local", "here", is_flag=True, help="The local world (`ship local up`) instead.")
state_option = click.option(
    "--state", type=FOLDER, help="With --local: its state folder; default: the repository's own."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where regions are reached. ``environment``: variables of S3 instead of the process's own.

    ``organization`` opens Buildkite, None where nothing says which, or how.
    """

    environment: Mapping[str, str] | None
    organization: Callable[[], AbstractContextManager[Organization]] | None


def load_config(app: str | None) -> Config:
    """Return the configuration of the repository where one stands."""
    from pipeline_gen.config import find, load

    return load(find(Path.cwd(), app))


def chosen(config: Config, names: Sequence[str], *, everywhere: bool) -> tuple[Region, ...]:
    """Return the regions that are named, or all that deploy. Raises UsageError."""
    known = [region.name for region in config.deploying]
    if not known:
        raise UsageError(
            f"cannot find a region of {config.app!r} that deploys",
            hint="docs/deploy.md: regions/<name>/deploy, or docs/fleet.md: regions/<name>/fleet",
        )
    if everywhere == bool(names):
        raise UsageError("cannot tell which regions are meant", hint=f"--region {known[0]}, or --all")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"cannot find the region {unknown[0]!r}, there is {', '.join(known)}{nearest(unknown[0], known)}"
        )
    return tuple(region for region in config.deploying if everywhere or region.name in names)


@contextmanager
def opened(config: Config, *, here: bool, state: Path | None) -> Iterator[Place]:
    """Say where the regions are: in the world, or with ``here`` in the local one. Raises UsageError where none runs."""
    from shipping.buildkite.organization import TOKEN
    from shipping.cli.organization import configured, local

    if not here:
        if state is not None:
            raise UsageError("cannot use --state without --local")
        named = config.buildkite.organization is not None and os.environ.get(TOKEN)
        yield Place(environment=None, organization=(lambda: configured(config)) if named else None)
        return
    from pipeline_gen.shell import LocalShell
    from shipping.local.world import attached
    from shipping.local.world.repository import state_of

    with attached(state or state_of(LocalShell(), Path.cwd(), os.environ)) as world:
        yield Place(environment=world.environment, organization=lambda: local(Path.cwd(), state))


def open_lanes(
    stack: ExitStack, config: Config, regions: Sequence[Region], place: Place
) -> list[tuple[Ledger, Bucket]]:
    """Open the lane of each region and the bucket it lies in; nothing is asked yet."""
    from shipping.lane.ledger import Ledger
    from shipping.s3 import connect

    buckets = [stack.enter_context(connect(region.bucket, environment=place.environment)) for region in regions]
    return [
        (Ledger(bucket, app=config.app, environment=region.name), bucket)
        for region, bucket in zip(regions, buckets, strict=True)
    ]
