"""`ship local ls | show | open`: what is there."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import click

from shipping.cli.local.where import (
    build_argument,
    chosen,
    json_option,
    opened,
    options,
    pipeline_option,
    print_json,
    repo_option,
    state_option,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@click.command(short_help="List the newest builds.")
@click.option("--pipeline", help="Only this pipeline's; default: every pipeline's.")
@click.option("--branch", help="Only this branch's.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many, newest first.")
@repo_option
@state_option
@json_option
def ls(*, pipeline: str | None, branch: str | None, limit: int, repo: Path, state: Path | None, as_json: bool) -> None:
    """List the newest builds: state, time, age, branch, message.

    \b
    Example: ship local ls
             ship local ls --pipeline inbox --branch main --limit 5
    """
    from shipping.cli.local.printing import aligned, console, list_rows, now, width_of
    from shipping.local.world.finding import check_pipeline

    with opened(repo, state) as world:
        if pipeline is not None:
            check_pipeline(world, pipeline, options(repo, state))
        found = list(world.builds(pipeline, branch=branch, limit=limit))
    if as_json:
        print_json(found)
        return
    if not found:
        tell(f"no builds yet; make one: ship local build{options(repo, state)}")
    out = console()
    for line in aligned(list_rows(found, now()), width=width_of(out), elastic=4):
        out.print(line)


@click.command(short_help="Show a build and its steps.")
@build_argument
@pipeline_option
@repo_option
@state_option
@json_option
def show(*, build: str | None, pipeline: str | None, repo: Path, state: Path | None, as_json: bool) -> None:
    """Show a build: what it is of, and its steps with their states, times and reasons.

    \b
    Example: ship local show
             ship local show 3
             ship local show inbox/3 --json | jq '.jobs[].state'
    """
    from shipping.cli.local.printing import aligned, build_rows, console, cut, header, now, width_of, writes_marks
    from shipping.cli.local.tree import lines

    with chosen(build, pipeline, repo, state) as (world, found):
        shown = world.show(found)
    if as_json:
        print_json(shown)
        return
    out, moment = console(), now()
    for text in cut(header(shown, moment), width_of(out)):
        out.print(text)
    rows = build_rows(lines(shown, moment), plain=not writes_marks(out))
    for line in aligned(rows, width=width_of(out), elastic=0):
        out.print(line)


@click.command("open", short_help="Print a page's address and open it.")
@build_argument
@pipeline_option
@repo_option
@state_option
def open_page(*, build: str | None, pipeline: str | None, repo: Path, state: Path | None) -> None:
    """Print the address of a build's page, or of all builds; on a terminal, start a browser on it.

    The browser is BROWSER's, else what xdg-open starts.

    \b
    Example: ship local open
             ship local open 3
    """
    if build is None and pipeline is None:
        with opened(repo, state) as world:
            address = world.url
    else:
        with chosen(build, pipeline, repo, state) as (_, found):
            address = found.url
    click.echo(address)
    if sys.stdout.isatty():
        _browse(address, os.environ)


def _browse(address: str, env: Mapping[str, str]) -> None:
    """Start a browser and leave it alone; the address stands on the terminal whatever comes of it."""
    argv = browser(address, env)
    if argv is None:
        tell("no browser was started: set BROWSER, or install xdg-open")
        return
    try:
        with open(os.devnull, "r+b") as nowhere:  # noqa: PTH123 - one handle for three streams
            process = subprocess.Popen(argv, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
    except OSError as error:
        tell(f"no browser was started: cannot run {argv[0]!r}: {error.strerror}")
        return
    # Nobody waits for it: a browser ends when it ends.
    process.returncode = 0


def browser(address: str, env: Mapping[str, str]) -> list[str] | None:
    """Return the argv of the browser; None where there is none. ``%s`` in BROWSER is where the address goes."""
    named = env.get("BROWSER", "").split(os.pathsep)[0].strip()
    if named:
        words = shlex.split(named)
        return [word.replace("%s", address) for word in words] if "%s" in named else [*words, address]
    opener = shutil.which("xdg-open", path=env.get("PATH"))
    return [opener, address] if opener else None
