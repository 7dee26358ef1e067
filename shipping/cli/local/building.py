"""`ship local build`: a commit, or uncommitted work, built by the world's agents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from pipeline_gen.errors import UsageError
from shipping.cli.local.acting import answer
from shipping.cli.local.following import follow, judge
from shipping.cli.local.where import (
    answers,
    declined,
    json_option,
    opened,
    options,
    pairs,
    pipeline_option,
    print_json,
    repo_option,
    state_option,
    tell,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_gen.shell import Shell
    from shipping.local.world.repository import Source


@click.command(short_help="Build a commit, or uncommitted work.")
@pipeline_option
@click.option("--branch", help="Default: the branch you are on.")
@click.option("--commit", help="Default: the branch's newest.")
@click.option("--message", help="Default: the subject of the commit.")
@click.option("--env", "variables", multiple=True, metavar="NAME=VALUE", help="For every job; may be repeated.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="KEY=VALUE",
    help="An answer to the input or block step that the pipeline begins with, which is unblocked with it; may be repeated.",
)
@click.option("--worktree", is_flag=True, help="Build what stands in the folder, uncommitted work included.")
@click.option("--pull-request", type=click.IntRange(1), help="Build it as this pull request.")
@click.option("--base", default="main", show_default=True, help="The pull request's base branch.")
@click.option("--wait", is_flag=True, help="Follow it to its end: exit 0 if it passed, 1 if not.")
@repo_option
@state_option
@json_option
def build(
    *,
    pipeline: str | None,
    branch: str | None,
    commit: str | None,
    message: str | None,
    variables: tuple[str, ...],
    fields: tuple[str, ...],
    worktree: bool,
    pull_request: int | None,
    base: str,
    wait: bool,
    repo: Path,
    state: Path | None,
    as_json: bool,
) -> None:
    """Build a commit of the repository; its pipeline is created on first use.

    Only what is committed is built, unless --worktree says otherwise; that leaves the repository's index, objects and
    refs as they are. The pipeline's first step uploads the commit's .buildkite/pipeline.yml (or that of the app,
    .buildkite/pipeline.APP.yml); a pipeline that has steps of its own keeps them.

    \b
    Example: ship local build --branch main --wait
             ship local build --worktree --env LEVEL=debug --wait
             ship local build --pipeline inbox-ops --field action=rollback
    """
    from pipeline_gen.shell import LocalShell
    from shipping.local.world.client import PullRequest
    from shipping.local.world.starting import Start, first_question, start

    if worktree and commit:
        raise UsageError("cannot build --commit and --worktree at once", hint="ship local build --worktree")
    asked = Start(
        pipeline=pipeline,
        env=pairs("--env", variables),
        answers=answers(fields),
        pull_request=PullRequest(number=pull_request, base=base) if pull_request else None,
    )
    shell, there = LocalShell(), options(repo, state)
    with opened(repo, state) as world:
        what = (
            _uncommitted(shell, repo, world.folder.worktrees, branch=branch, message=message)
            if worktree
            else _committed(shell, repo, branch=branch, commit=commit, message=message)
        )
        with declined(f"build commit {what.commit[:12]} of {what.branch!r}", f"ship local ls{there}"):
            started = start(world, shell, what, asked, say=tell)
        tell(f"build {started.number} of {started.pipeline}: {started.url}")
        if asked.answers:
            answer(world, started, first_question(world, started), asked.answers, there)
        shown = follow(world, started) if wait else world.show(started)
        if as_json:
            print_json(shown)
        if wait:
            judge(started, shown, there)


def _committed(shell: Shell, repo: Path, *, branch: str | None, commit: str | None, message: str | None) -> Source:
    from shipping.local.world.repository import root_of, source

    what = source(shell, root_of(shell, repo), branch=branch, commit=commit, message=message)
    if what.dirty:
        named = f"{', '.join(what.dirty[:3])}{', ...' if len(what.dirty) > 3 else ''}"
        tell(f"not built: uncommitted changes of {len(what.dirty)} files ({named}); --worktree builds them")
    return what


def _uncommitted(shell: Shell, repo: Path, folder: Path, *, branch: str | None, message: str | None) -> Source:
    from shipping.local.world.repository import root_of, uncommitted
    from shipping.local.world.worktree import Worktree

    worktree = Worktree(shell=shell, root=root_of(shell, repo), folder=folder, env=os.environ)
    return uncommitted(worktree, branch=branch, message=message)
