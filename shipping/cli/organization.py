"""Which Buildkite a command speaks to: the configured organization, or with `--local` the one on this machine."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pipeline_gen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline_gen.config import Config
    from shipping.buildkite.organization import Organization


@contextlib.contextmanager
def configured(config: Config) -> Iterator[Organization]:
    """Open the organization that the configuration names, with the token in the environment. Raises UsageError."""
    from shipping.buildkite.organization import opened

    slug = config.buildkite.organization
    if slug is None:
        raise UsageError(
            "cannot tell which Buildkite organization is meant: the configuration has no buildkite/organization",
            hint="add it to .buildkite/shipping.yml: `buildkite: {organization: YOURS}`, or try it with --local",
        )
    with opened(slug, os.environ) as organization:
        yield organization


@contextlib.contextmanager
def local(folder: Path, state: Path | None) -> Iterator[Organization]:
    """Open the local Buildkite of the repository in ``folder``, or of a state folder. Raises UsageError if none runs."""
    from pipeline_gen.shell import LocalShell
    from shipping.buildkite.organization import Organization
    from shipping.local.world import attached
    from shipping.local.world.repository import state_of

    with attached(state or state_of(LocalShell(), folder, os.environ)) as world:
        yield Organization(world.api, world.organization)
