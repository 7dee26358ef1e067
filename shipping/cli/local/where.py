"""Which world and which build a command means: the options that say so, read the same by every verb."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline_gen.errors import Refused, ShipError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.local.world import Build, World

FOLDER = click.Path(file_okay=False, path_type=Path)
repo_option = click.option("--repo", type=FOLDER, default=Path(), help="The repository; default: where you stand.")
state_option = click.option(
    "--state", type=FOLDER, help="The state folder; default: one of its own for each repository."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
pipeline_option = click.option(
    "--pipeline", help="Its slug; default: `app` of .buildkite/shipping.yml, else the folder's name."
)
build_argument = click.argument("build", metavar="[BUILD]", required=False)


@contextmanager
def opened(repo: Path, state: Path | None) -> Iterator[World]:
    """Open the running world of the repository, or of the state folder. Raises UsageError where none runs."""
    from shipping.local.world import attached

    with attached(state or state_folder(repo)) as world:
        yield world


@contextmanager
def chosen(text: str | None, pipeline: str | None, repo: Path, state: Path | None) -> Iterator[tuple[World, Build]]:
    """Open the world and find the build that the words mean; raises UsageError where there is none."""
    from pipeline_gen.shell import LocalShell
    from shipping.local.world.finding import Asked, find
    from shipping.local.world.repository import apps_of, top

    root = top(LocalShell(), repo)
    try:
        usual = tuple(apps_of(root)) if root is not None else ()
    except ShipError:
        usual = ()  # a wrong configuration must not keep one from looking at what it did
    command = f"ship local {click.get_current_context().info_name}"
    asked = Asked(text=text, pipeline=pipeline, usual=usual, command=command, options=options(repo, state))
    with opened(repo, state) as world:
        yield world, find(world, asked)


def state_folder(repo: Path) -> Path:
    """Return the state folder of the world that serves the repository."""
    from pipeline_gen.shell import LocalShell
    from shipping.local.world.repository import state_of

    return state_of(LocalShell(), repo, os.environ)


def options(repo: Path, state: Path | None) -> str:
    """Return the options that a hint must repeat to mean the same world; empty where the defaults do."""
    import shlex

    words = [*(("--repo", str(repo)) if repo != Path() else ()), *(("--state", str(state)) if state else ())]
    return f" {shlex.join(words)}" if words else ""


def pairs(option: str, given: tuple[str, ...]) -> dict[str, str]:
    """Read NAME=VALUE as often as it was given; all that are wrong are told at once."""
    wrong = [pair for pair in given if "=" not in pair or pair.startswith("=")]
    if wrong:
        named = ", ".join(f"{option} {pair!r}" for pair in wrong)
        raise UsageError(f"cannot use {named}", hint=f"write {option} NAME=VALUE")
    return dict(pair.split("=", 1) for pair in given)


def answers(given: tuple[str, ...]) -> dict[str, str | list[str]]:
    """Read --field KEY=VALUE; a key that comes again is a question with several answers."""
    pairs("--field", given)
    found: dict[str, list[str]] = {}
    for pair in given:
        key, _, value = pair.partition("=")
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


@contextmanager
def declined(doing: str, hint: str) -> Iterator[None]:
    """Tell the API's no in a person's words: what was attempted, what it said, what helps."""
    from shipping.buildkite.answers import Declined

    try:
        yield
    except Declined as error:
        raise Refused(f"cannot {doing}: {error.said or error.message}", hint=hint) from error


def tell(line: str) -> None:
    """Say what is being done, on standard error: standard output is for what was asked for."""
    click.echo(line, err=True)


def print_json(facts: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Print facts for programs."""
    click.echo(json.dumps(facts, indent=2))
