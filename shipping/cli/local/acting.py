"""`ship local unblock | retry | cancel`: what the page's buttons do."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from pipeline_gen.errors import Refused, UsageError
from shipping.cli.local.where import (
    answers,
    build_argument,
    chosen,
    declined,
    json_option,
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

    from shipping.local.world import Build, World

FAILED = frozenset({"failed", "timed_out", "canceled", "expired"})

job_option = click.option(
    "--job", "key", help="The key of a step (KEY/2: its second share), a label or a job's id; default: the only one."
)


@click.command(short_help="Answer the step that a build waits at.")
@build_argument
@job_option
@click.option(
    "--field", "fields", multiple=True, metavar="KEY=VALUE", help="An answer; again for more, also of one key."
)
@pipeline_option
@repo_option
@state_option
@json_option
def unblock(
    *,
    build: str | None,
    key: str | None,
    fields: tuple[str, ...],
    pipeline: str | None,
    repo: Path,
    state: Path | None,
    as_json: bool,
) -> None:
    """Unblock the block or input step that a build waits at, with the answers to its fields.

    \b
    Example: ship local unblock
             ship local unblock inbox/3 --job release --field region=eu --field reason="a fix"
    """
    from shipping.local.world.finding import Choice, one_of

    given, there = answers(fields), options(repo, state)
    with chosen(build, pipeline, repo, state) as (world, found):
        waiting = [job for job in world.show(found)["jobs"] if job["type"] == "manual" and job["state"] == "blocked"]
        choice = Choice(build=found, doing="unblock", none="nothing in it waits for a person", options=there)
        job = one_of(waiting, key, choice)
        done = answer(world, found, job, given, there)
    if as_json:
        print_json(done)
    tell(f"follow it: ship local watch {found.name}{there}")


def answer(
    world: World, build: Build, job: dict[str, Any], given: Mapping[str, str | list[str]], there: str
) -> dict[str, Any]:
    """Unblock the job with the answers; what it does not take is told with the command that it would take."""
    from shipping.local.world.finding import name_of

    example = f"ship local unblock {build.name} --job {name_of(job)}{fields_of(job)}{there}"
    with declined(f"unblock {name_of(job)!r} of build {build.number} of {build.pipeline!r}", example):
        done = world.unblock(build, job["id"], given)
    tell(f"unblocked {name_of(job)!r} of build {build.number} of {build.pipeline!r}")
    return done


def fields_of(job: Mapping[str, Any]) -> str:
    """Return the options that answer what a block asks: of each question its default, its first choice, or a word."""
    words: list[str] = []
    for field in job.get("fields") or ():
        default = field["default"] if isinstance(field["default"], str) else next(iter(field["default"]), "")
        value = default or next((option["value"] for option in field["options"]), "VALUE")
        words += ["--field", f"{field['key']}={value}"]
    return f" {shlex.join(words)}" if words else ""


@click.command(short_help="Retry jobs.")
@build_argument
@job_option
@click.option("--all", "everything", is_flag=True, help="Every job that has failed.")
@pipeline_option
@repo_option
@state_option
@json_option
def retry(
    *,
    build: str | None,
    key: str | None,
    everything: bool,
    pipeline: str | None,
    repo: Path,
    state: Path | None,
    as_json: bool,
) -> None:
    """Retry a job that is over: the only failed one, the one that --job names, or with --all each that has failed.

    \b
    Example: ship local retry
             ship local retry inbox/3 --job unit/2
    """
    from shipping.local.world.finding import Choice, name_of, one_of

    if everything and key is not None:
        raise UsageError("cannot retry --all and --job at once", hint="ship local retry --all")
    there = options(repo, state)
    with chosen(build, pipeline, repo, state) as (world, found):
        jobs = [job for job in world.jobs(found) if not job.get("retried")]
        failed = [job for job in jobs if job["state"] in FAILED and not job.get("soft_failed")]
        choice = Choice(build=found, doing="retry", none="no job of it has failed", options=there)
        picked = failed if everything and failed else [one_of(failed if key is None else jobs, key, choice)]
        new = []
        for job in picked:
            with declined(f"retry {name_of(job)!r} of build {found.number}", f"ship local show {found.name}{there}"):
                new.append(world.retry(found, job["id"]))
            tell(f"retried {name_of(job)!r} of build {found.number}")
    if as_json:
        print_json(new)


@click.command(short_help="Cancel a build or a job.")
@build_argument
@job_option
@pipeline_option
@repo_option
@state_option
@json_option
def cancel(
    *, build: str | None, key: str | None, pipeline: str | None, repo: Path, state: Path | None, as_json: bool
) -> None:
    """Cancel a build, or with --job one job of it.

    \b
    Example: ship local cancel 3
             ship local cancel inbox/3 --job unit
    """
    from shipping.local.world.client import OVER
    from shipping.local.world.finding import Choice, name_of, one_of

    there = options(repo, state)
    with chosen(build, pipeline, repo, state) as (world, found):
        shown = world.show(found)
        if shown["state"] in OVER and not shown.get("blocked"):
            raise Refused(
                f"cannot cancel build {found.number} of {found.pipeline!r}: it has ended, {shown['state']}",
                hint=f"ship local ls{there}",
            )
        job: dict[str, Any] | None = None
        if key is not None:
            choice = Choice(build=found, doing="cancel", none="it has no job that goes on", options=there)
            going = [one for one in world.jobs(found) if one["finished_at"] is None]
            job = one_of(going, key, choice)
        with declined(f"cancel build {found.number} of {found.pipeline!r}", f"ship local show {found.name}{there}"):
            world.cancel(found, job["id"] if job else None)
        if as_json:
            print_json(world.show(found))
    what = f"{name_of(job)!r} of build {found.number}" if job else f"build {found.number} of {found.pipeline!r}"
    tell(f"canceled {what}")
