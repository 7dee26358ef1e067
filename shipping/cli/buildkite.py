"""`ship buildkite`: the app's pipelines at Buildkite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline_gen import config
from pipeline_gen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pipeline_gen.config import Config
    from shipping.buildkite.organization import Organization
    from shipping.pipelines.difference import Difference

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def buildkite() -> None:
    """Set the app's pipelines up at Buildkite.

    \b
    Example: ship buildkite sync --dry-run
    """


@buildkite.command()
@click.option("--app", help="Which app's configuration, where the repository has several.")
@click.option("--dry-run", is_flag=True, help="Say what differs, change nothing.")
@click.option("--repository", help="The URL that agents clone; default: the one of the git remote `origin`.")
@click.option(
    "--local", "here", is_flag=True, help="The local Buildkite (`ship local up`) instead of the organization."
)
@click.option("--repo", type=FOLDER, default=Path(), help="The repository; default: where you stand.")
@click.option("--state", type=FOLDER, help="With --local: its state folder; default: the repository's own.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def sync(
    *,
    app: str | None,
    dry_run: bool,
    repository: str | None,
    here: bool,
    repo: Path,
    state: Path | None,
    as_json: bool,
) -> None:
    """Create the app's pipelines and bring their settings to what the configuration says.

    Prints what differs (field: found -> wanted) before it acts. Run twice, the second run changes nothing. It never deletes,
    and settings that it does not manage stay the team's own. The organization is `buildkite: {organization: ...}` of the
    configuration; BUILDKITE_API_TOKEN needs the scopes read_pipelines and write_pipelines, with `cluster` read_clusters, with
    `teams` read_teams and write_teams.

    \b
    Example: ship buildkite sync --dry-run
             ship buildkite sync
             ship buildkite sync --local
    """
    from pipeline_gen.shell import LocalShell
    from shipping.pipelines.definitions import desired
    from shipping.pipelines.desired import Context
    from shipping.pipelines.local import make_room
    from shipping.pipelines.origin import origin, root_of
    from shipping.pipelines.sync import sync as synchronise

    if state is not None and not here:
        raise UsageError("cannot use --state without --local", hint="ship buildkite sync --local --state DIR")
    root = root_of(LocalShell(), repo)
    settings = config.load(config.find(root, app))
    url = repository or (str(root) if here else origin(LocalShell(), root))
    pipelines = desired(Context(config=settings, repository=url))
    with _organization(settings, here=here, repo=repo, state=state) as organization:
        if here and not dry_run:
            make_room(organization, pipelines)
        differences = synchronise(
            organization, pipelines, act=not dry_run, show=_silent if as_json else _printer(dry_run=dry_run)
        )
    if as_json:
        facts = {"dry_run": dry_run, "pipelines": [_facts(difference) for difference in differences]}
        click.echo(json.dumps(facts, indent=2))


def _organization(
    settings: Config, *, here: bool, repo: Path, state: Path | None
) -> AbstractContextManager[Organization]:
    from shipping.cli.organization import configured, local

    return local(repo, state) if here else configured(settings)


def _silent(_: Difference) -> None:
    pass


def _printer(*, dry_run: bool) -> Callable[[Difference], None]:
    """Return what prints a pipeline's differences before they are gone."""
    would = "would " if dry_run else ""

    def show(difference: Difference) -> None:
        count = len(difference.changes)
        what = {
            "create": f"{would}create",
            "update": f"{would}update, {count} {'setting differs' if count == 1 else 'settings differ'}",
            "none": "as it must be",
        }[difference.action]
        click.echo(f"pipeline {difference.slug!r}: {what}")
        for change in difference.changes:
            click.echo(f"  {change}")
        for note in difference.notes:
            click.echo(f"  note: {note}")

    return show


def _facts(difference: Difference) -> dict[str, Any]:
    return {
        "slug": difference.slug,
        "action": difference.action,
        "changes": [
            {"field": change.field, "found": change.found, "wanted": change.wanted} for change in difference.changes
        ],
        "notes": list(difference.notes),
    }
