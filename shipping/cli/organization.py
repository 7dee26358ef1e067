"""Which Buildkite a command speaks to: the configured organization, or with `--local` the one on this machine."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline_gen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline_gen.config import Config
    from shipping.buildkite.organization import Organization

TOKEN = "BUILDKITE_API_TOKEN"  # noqa: S105 - the variable's name
ENDPOINT = "BUILDKITE_REST_API_ENDPOINT"
"""As Buildkite's own command line calls it: another address of the REST API, a proxy's perhaps."""


@contextlib.contextmanager
def configured(config: Config) -> Iterator[Organization]:
    """Open the organization that the configuration names, with the token in the environment. Raises UsageError."""
    from shipping.buildkite.organization import Organization
    from shipping.buildkite.rest import API, Rest

    slug = config.buildkite.organization
    if slug is None:
        raise UsageError(
            "cannot tell which Buildkite organization is meant: the configuration has no buildkite/organization",
            hint="add it to .buildkite/shipping.yml: `buildkite: {organization: YOURS}`, or try it with --local",
        )
    address = os.environ.get(ENDPOINT) or API
    _refuse_plain(address)
    rest = Rest(os.environ.get(TOKEN, ""), base_url=address)
    with contextlib.closing(rest):
        yield Organization(rest, slug)


@contextlib.contextmanager
def local(folder: Path, state: Path | None) -> Iterator[Organization]:
    """Open the local Buildkite of the repository in ``folder``, or of a state folder. Raises UsageError if none runs."""
    from pipeline_gen.shell import LocalShell
    from shipping.buildkite.organization import Organization
    from shipping.local.world import attached
    from shipping.local.world.repository import state_of

    with attached(state or state_of(LocalShell(), folder, os.environ)) as world:
        yield Organization(world.api, world.organization)


def _refuse_plain(address: str) -> None:
    """The token goes along with every call: over the network it is not shown to everyone on the way."""
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost"}:
        raise UsageError(f"cannot use {address!r} as the REST API: it is not https", hint=f"unset {ENDPOINT}")
