"""`ship suites`: what is known of the tests."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_gen import config
from pipeline_gen.errors import Refused, UsageError

if TYPE_CHECKING:
    from pipeline_gen.config import Config
    from shipping.buildkite.organization import Organization
    from shipping.testrun.committed import Refreshed
    from shipping.testrun.proven import Proven

FOLDER = click.Path(file_okay=False, path_type=Path)
MOST_NAMED = 10


@click.group()
def suites() -> None:
    """Learn how long tests take.

    \b
    Example: ship suites record
    """


@suites.command()
@click.option("--app", help="Which app's configuration, where the repository has several.")
@click.option("--suite", "names", multiple=True, help="Only this suite; may be repeated.")
@click.option(
    "--build", "number", type=click.IntRange(1), help="This build; default: the newest of main that is proven."
)
@click.option(
    "--local", "here", is_flag=True, help="The local Buildkite (`ship local up`) instead of the organization."
)
@click.option("--repo", type=FOLDER, default=Path(), help="The repository; default: where you stand.")
@click.option("--state", type=FOLDER, help="With --local: its state folder; default: the repository's own.")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def record(
    *,
    app: str | None,
    names: tuple[str, ...],
    number: int | None,
    here: bool,
    repo: Path,
    state: Path | None,
    as_json: bool,
) -> None:
    """Refresh `.test_durations`, which you commit, from the reports of a proven build of main.

    For repositories without a bucket: with one, every build of main teaches the next by itself. BUILDKITE_API_TOKEN needs
    the scopes read_builds and read_artifacts.

    \b
    Example: ship suites record
             ship suites record --suite unit --build 1234
             ship suites record --local
    """
    from pipeline_gen.shell import LocalShell
    from pipeline_gen.suites.durations import COMMITTED, Durations
    from shipping.cli.organization import configured, local
    from shipping.pipelines.origin import root_of
    from shipping.testrun.committed import refresh

    if state is not None and not here:
        raise UsageError("cannot use --state without --local", hint="ship suites record --local --state DIR")
    root = root_of(LocalShell(), repo)
    settings = config.load(config.find(root, app))
    if settings.bucket is not None:
        raise UsageError(
            f"cannot record: durations of this app are in the bucket {settings.bucket!r}, refreshed by each build of main",
            hint="ship pipeline preview --remote",
        )
    with local(repo, state) if here else configured(settings) as organization:
        proven = _find(organization, settings, names, number)
    file = root / COMMITTED
    before = file.read_bytes() if file.exists() else b"{}"
    refreshed = refresh(Durations.parse(before), proven, lambda path: (root / path).is_file())
    after = refreshed.durations.encode()
    if after != before:
        _replace(file, after)
    _show(proven, refreshed, COMMITTED, as_json=as_json)


def _find(organization: Organization, settings: Config, names: tuple[str, ...], number: int | None) -> Proven:
    """Return the build that is learnt from. Raises Refused where no build of main, or not this one, is proven."""
    from shipping.buildkite.kept import KeptByBuild, ended_builds
    from shipping.testrun.proven import newest_proof, read_proven

    pipeline = settings.buildkite.pipeline_slug(settings.app)
    if number is not None:
        kept = KeptByBuild(organization, pipeline, number)
        proof = newest_proof(kept, settings.app)
        if proof is None:
            raise Refused(f"cannot find a proof of {settings.app!r} among the artifacts of build {number}")
        return read_proven(kept, proof, names)
    looked_at = 0
    for build in ended_builds(organization, pipeline, settings.main_branch):
        looked_at += 1
        kept = KeptByBuild(organization, pipeline, int(build["number"]))
        proof = newest_proof(kept, settings.app)
        if proof is not None and proof["verdict"] == "PASS":
            return read_proven(kept, proof, names)
    raise Refused(
        f"cannot find a proven build of {settings.main_branch!r} in the pipeline {pipeline!r}: looked at {looked_at}",
        hint="build main first, or name a build: ship suites record --build N",
    )


def _replace(file: Path, body: bytes) -> None:
    """Write the file whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f"{file.name}.", delete=False) as new:
        new.write(body)
    Path(new.name).chmod(0o644)
    Path(new.name).replace(file)


def _show(proven: Proven, refreshed: Refreshed, name: str, *, as_json: bool) -> None:
    if as_json:
        facts = {
            "build": proven.number,
            "commit": proven.plan.commit,
            "suites": sorted(proven.reports),
            "measured": refreshed.measured,
            "came": list(refreshed.came),
            "gone": list(refreshed.gone),
        }
        click.echo(json.dumps(facts, indent=2))
        return
    which = f"{', '.join(sorted(proven.reports))} of build {proven.number} ({proven.plan.commit[:12]})"
    click.echo(f"{name}: {refreshed.measured} tests of {which}; {len(refreshed.came)} new, {len(refreshed.gone)} gone")
    for test in refreshed.gone[:MOST_NAMED]:
        click.echo(f"  gone: {test}")
    if len(refreshed.gone) > MOST_NAMED:
        click.echo(f"  and {len(refreshed.gone) - MOST_NAMED} more")
