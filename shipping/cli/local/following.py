"""`ship local watch | log`: what is happening, as it happens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from pipeline_gen.errors import Refused
from shipping.cli.local.where import (
    build_argument,
    chosen,
    json_option,
    options,
    pipeline_option,
    print_json,
    repo_option,
    state_option,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shipping.local.world import Build, World

FOREVER = float("inf")
OFTEN = 4  # redraws per second
HEADING = 6  # lines of a terminal that are not the tree's


@click.command(short_help="Follow a build to its end.")
@build_argument
@pipeline_option
@repo_option
@state_option
@json_option
def watch(*, build: str | None, pipeline: str | None, repo: Path, state: Path | None, as_json: bool) -> None:
    """Follow a build to its end: exit 0 if it passed, 1 if not, or if it waits for a person.

    On a terminal the tree of its steps is drawn anew as they change; elsewhere each change is a line.

    \b
    Example: ship local watch
             ship local watch inbox/3
    """
    with chosen(build, pipeline, repo, state) as (world, found):
        shown = follow(world, found)
        if as_json:
            print_json(shown)
        judge(found, shown, options(repo, state))


def follow(world: World, build: Build) -> dict[str, Any]:
    """Show the build until it is over or waits for a person; return it as it is then. Draws on standard error."""
    from shipping.cli.local.printing import console

    out = console(err=True)
    if not out.is_terminal or out.is_dumb_terminal:
        return world.wait(build, timeout=FOREVER, each=changes())
    from rich.live import Live
    from rich.text import Text

    with Live(console=out, refresh_per_second=OFTEN, transient=True, auto_refresh=False) as live:

        def draw(shown: dict[str, Any]) -> None:
            live.update(Text("\n").join(picture(shown, out.width, out.height)), refresh=True)

        last = world.wait(build, timeout=FOREVER, each=draw)
    for line in picture(last, out.width, None):
        out.print(line)
    return last


def picture(shown: dict[str, Any], width: int, height: int | None) -> list[Any]:
    """Return the build as lines of text that fit: the tree of a terminal, whole where ``height`` is None."""
    from shipping.cli.local.printing import aligned, build_rows, cut, header, now
    from shipping.cli.local.tree import fitting, lines

    moment = now()
    tree = lines(shown, moment)
    if height is not None:
        tree = fitting(tree, max(1, height - HEADING))
    return [*cut(header(shown, moment), width), *aligned(build_rows(tree), width=width, elastic=0)]


def changes() -> Callable[[dict[str, Any]], None]:
    """Return what prints one line for each change of a job's state."""
    from shipping.cli.local.printing import change

    seen: dict[str, str] = {}

    def look(shown: dict[str, Any]) -> None:
        for job in shown["jobs"]:
            if job["type"] != "waiter" and seen.get(job["id"]) != job["state"]:
                seen[job["id"]] = job["state"]
                tell(change(job))

    return look


def judge(build: Build, shown: dict[str, Any], there: str) -> None:
    """Say how it ended. Raises Refused where it has not passed."""
    from shipping.local.world.finding import name_of

    if shown.get("blocked"):
        waiting = [job for job in shown["jobs"] if job["state"] == "blocked"]
        one = f" --job {name_of(waiting[0])}" if waiting else ""
        raise Refused(
            f"build {build.number} of {build.pipeline!r} waits for a person",
            hint=f"ship local unblock {build.name}{one}{there}, or on its page: {build.url}",
        )
    if shown["state"] != "passed":
        failed = [
            job for job in shown["jobs"] if job["state"] in {"failed", "timed_out"} and not job.get("soft_failed")
        ]
        one = f" --job {name_of(failed[0])}" if failed else ""
        raise Refused(
            f"build {build.number} of {build.pipeline!r} has {_ended(shown['state'])}",
            hint=f"ship local log {build.name}{one}{there}",
        )
    tell(f"build {build.number} of {build.pipeline!r} has passed")


def _ended(state: str) -> str:
    return state if state == "failed" else f"ended {state!r}"


@click.command(short_help="Print logs; with -f as they are written.")
@build_argument
@click.option("--job", "key", help="The key of a step (KEY/2: its second share), a label or a job's id; default: all.")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the jobs are over.")
@pipeline_option
@repo_option
@state_option
def log(
    *, build: str | None, key: str | None, following: bool, pipeline: str | None, repo: Path, state: Path | None
) -> None:
    """Print the logs of a build's jobs; with -f as they are written, each line under its job's name if there are several.

    \b
    Example: ship local log 3 --job tests
             ship local log -f
    """
    from shipping.local.world.logs import Follower, named_jobs

    with chosen(build, pipeline, repo, state) as (world, found):
        if following:
            follower = Follower(world, found, key, write=lambda text: click.echo(text, nl=False))
            while not follower.look():
                time.sleep(follower.pause)
            return
        for job in named_jobs(world.jobs(found), found, key):
            click.echo(f"=== {_named(job)} ({job['state']}, {job['id']})")
            click.echo(world.log(found, job), nl=False)


def _named(job: dict[str, Any]) -> str:
    from shipping.cli.local.printing import printable
    from shipping.cli.local.tree import title

    return printable(title(job))
