"""`ship local host ls | log`: the hosts of the world, and what each runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from shipping.cli.local.where import json_option, opened, options, print_json, repo_option, state_option, tell

if TYPE_CHECKING:
    from pathlib import Path

POLL = 0.3


@click.group(short_help="Look at hosts, and what each runs.")
def host() -> None:
    """Look at the hosts that the regions' fleets name.

    \b
    Example: ship local host ls
    """


@host.command(short_help="List the hosts.")
@click.option("--region", help="Only this region's.")
@repo_option
@state_option
@json_option
def ls(*, region: str | None, repo: Path, state: Path | None, as_json: bool) -> None:
    """List the hosts: where each takes requests, the release that serves there and since when, its last roll, its daemon.

    \b
    Example: ship local host ls
             ship local host ls --region us --json
    """
    from shipping.cli.local.printing import aligned, console, host_rows, now, width_of
    from shipping.local.world.hosts import facts, of_region

    with opened(repo, state) as world:
        found = facts(of_region(world.hosts, region))
    if as_json:
        print_json(found)
        return
    if not found:
        tell("no hosts: no region of the configuration has a `fleet` that names some")
    out = console()
    for line in aligned(host_rows(found, now()), width=width_of(out), elastic=6):
        out.print(line)


@host.command(short_help="Print the log of a host's daemon, or of its processes.")
@click.argument("name", metavar="HOST")
@click.option(
    "--process", help="Its processes of this type, or the one process group of this id, instead of the daemon."
)
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with what is written, until Ctrl-C.")
@repo_option
@state_option
def log(*, name: str, process: str | None, following: bool, repo: Path, state: Path | None) -> None:
    """Print the log of a host's daemon; with --process what its processes have printed.

    HOST is a name, or REGION/NAME where several regions have one of that name.

    \b
    Example: ship local host log us-1 -f
             ship local host log us-1 --process web
    """
    from shipping.local.world.hosts import HostLog, one_of

    there = options(repo, state)
    with opened(repo, state) as world:
        one = one_of(world.hosts, name, command="ship local host log", there=there)
        shown = HostLog(folder=world.folder, host=one, process=process, there=there)
        while shown.look(_write) and following:
            time.sleep(POLL)


def _write(text: str) -> None:
    click.echo(text, nl=False)
