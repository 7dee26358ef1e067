"""`ship host`: what runs on the machines of a fleet."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def host() -> None:
    """Run a fleet's host.

    \b
    Example: ship host daemon --config /etc/ship/host.toml
    """


@host.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    required=True,
    help="The host's own file, in TOML: docs/daemon.md has one.",
)
def daemon(*, file: Path) -> None:
    """Make this host run what its environment's lane wants, until SIGTERM. Processes run on without it.

    \b
    Example: ship host daemon --config /etc/ship/host.toml
    """
    from shipping.host import config, running
    from shipping.host.roll import Roller

    found = config.load(file)
    stop = running.stop_on_signals()
    with running.only_one(found.folder), running.driver(found) as driver:
        running.serve(found, Roller(driver), say=click.echo, stop=stop)
