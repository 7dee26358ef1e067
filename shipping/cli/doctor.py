"""`ship doctor`: what is wrong with a set-up."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_gen.errors import Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline_gen.config import Config
    from shipping.doctor.examine import Surroundings
    from shipping.doctor.finding import Finding

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--app", help="Which app's configuration, where the repository has several.")
@click.option(
    "--local", "here", is_flag=True, help="Ask the local Buildkite (`ship local up`) instead of the organization."
)
@click.option("--repo", type=FOLDER, default=Path(), help="The repository; default: where you stand.")
@click.option("--state", type=FOLDER, help="With --local: its state folder; default: the repository's own.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def doctor(*, app: str | None, here: bool, repo: Path, state: Path | None, as_json: bool) -> None:
    """Say what is wrong with a set-up: one line each, with the fix.

    Looks at the committed files, the programs of this machine, the organization (BUILDKITE_API_TOKEN; without it this part
    is named as not checked), its agents, queues and teams, the buckets, and the clock. In each bucket it writes one small
    object, <app>/doctor/probe. Exit status 1 if anything is wrong.

    \b
    Example: ship doctor
             ship doctor --json | jq '.findings[] | select(.state != "ok")'
    """
    findings = []
    for finding in _examine(app, Where(local=here, repo=repo, state=state)):
        findings.append(finding)
        if not as_json:
            click.echo(str(finding))
    if as_json:
        click.echo(json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=2))
    count = sum(finding.state == "wrong" for finding in findings)
    if count:
        raise Refused(f"{count} of {len(findings)} checks found something wrong")


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which Buildkite is asked: with ``local`` the one of ``repo``, or of the folder ``state``."""

    local: bool
    repo: Path
    state: Path | None


def _examine(app: str | None, where: Where) -> Iterator[Finding]:
    from pipeline_gen.clock import SystemClock
    from pipeline_gen.shell import LocalShell
    from shipping.doctor import examine
    from shipping.pipelines.origin import root_of
    from shipping.s3 import connect

    shell = LocalShell()
    aws = _of_world(where) if where.local else None
    found = examine.Surroundings(
        root=root_of(shell, where.repo),
        env=os.environ,
        shell=shell,
        clock=SystemClock(),
        connect=lambda name: connect(name, environment=aws),
    )
    config, findings = examine.repository(found, app)
    yield from findings
    if config is None:
        yield from examine.no_organization("there is no configuration to compare with", "mend the configuration first")
        return
    with ExitStack() as stack:
        yield from _organization(stack, found, config, where)
    yield from examine.storage(found, config)


def _of_world(where: Where) -> dict[str, str]:
    """Return the variables by which the local world's buckets are reached."""
    from pipeline_gen.shell import LocalShell
    from shipping.local.world import attached
    from shipping.local.world.repository import state_of

    with attached(where.state or state_of(LocalShell(), where.repo, os.environ)) as world:
        return {**os.environ, **world.environment}


def _organization(stack: ExitStack, found: Surroundings, config: Config, where: Where) -> Iterator[Finding]:
    from shipping.cli.organization import configured, local
    from shipping.doctor import examine
    from shipping.pipelines.definitions import desired
    from shipping.pipelines.desired import Context
    from shipping.pipelines.origin import origin, own_pipeline

    try:
        opened = stack.enter_context(local(where.repo, where.state) if where.local else configured(config))
        url = str(found.root) if where.local else origin(found.shell, found.root)
    except UsageError as error:
        yield from examine.no_organization(error.message, error.hint or "")
        return
    pipelines = desired(Context(config=config, repository=url, file=own_pipeline(found.root, config.app)))
    yield from examine.organization(found, opened, config, pipelines)
