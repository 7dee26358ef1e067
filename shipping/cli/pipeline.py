"""`ship pipeline`: what a build has, and why."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline_gen import config, context
from pipeline_gen.errors import Refused, UsageError
from pipeline_gen.git import Git
from pipeline_gen.shell import LocalShell

if TYPE_CHECKING:
    from pipeline_gen.config import Config
    from pipeline_gen.plan import StoredPlan
    from pipeline_gen.ports import Store


@click.group()
def pipeline() -> None:
    """Decide a build's steps: preview, explain, lint, upload.

    \b
    Example: ship pipeline preview
    """


app_option = click.option("--app", help="Which app's configuration, where the repository has several.")
remote_option = click.option(
    "--remote", is_flag=True, help="Ask the bucket for durations and the coverage map; without it nothing leaves here."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@pipeline.command()
@app_option
@remote_option
@json_option
def preview(*, app: str | None, remote: bool, as_json: bool) -> None:
    """Print the pipeline that a build of this commit would have. Changes nothing; needs no agent and no network.

    \b
    Example: ship pipeline preview
             ship pipeline preview --json | jq '.pipeline[0].steps'
    """
    from pipeline_gen.preview import preview as shown

    stored = _plan_here(app, remote=remote)
    click.echo(_as_json(stored) if as_json else shown(stored))


@pipeline.command()
@click.argument("subject")
@app_option
@remote_option
@json_option
def explain(*, subject: str, app: str | None, remote: bool, as_json: bool) -> None:
    """Say why SUBJECT (a step key, a suite or a test file; '*' for all) is in the build, or out of it.

    \b
    Example: ship pipeline explain slug
             ship pipeline explain tests/test_inbox.py --remote
    """
    from pipeline_gen.preview import explain as decisions_about

    plan = _plan_here(app, remote=remote).plan
    decisions = decisions_about(plan, subject)
    if not decisions:
        known = sorted({decision.subject for decision in plan.decisions})
        raise UsageError(
            f"cannot explain {subject!r}: nothing was decided about it", hint=f"one of {', '.join(known[:20])}"
        )
    if as_json:
        click.echo(json.dumps([decision.to_json() for decision in decisions], indent=2))
    else:
        click.echo("\n".join(str(decision) for decision in decisions))


@pipeline.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@app_option
def lint(*, file: Path | None, app: str | None) -> None:
    """Check the generated pipeline, or a pipeline FILE of your own, for what Buildkite refuses or silently ignores.

    \b
    Example: ship pipeline lint
             ship pipeline lint .buildkite/pipeline.yml
    """
    from pipeline_gen.lint import lint as problems_of

    uploads = [_read_pipeline(file)] if file else list(_plan_here(app, remote=False).pipeline)
    problems = problems_of(uploads)
    for problem in problems:
        click.echo(str(problem))
    if problems:
        raise Refused(f"found {len(problems)} problem(s)")
    click.echo("no problems")


@pipeline.command()
@app_option
def upload(*, app: str | None) -> None:
    """Decide this build's steps and add them to it. Runs inside a Buildkite job; safe to retry.

    \b
    Example (.buildkite/pipeline.yml):
      steps:
        - {label: plan, key: plan, command: ship pipeline upload, timeout_in_minutes: 10}
    """
    from shipping.buildkite import Agent, ArtifactStore
    from shipping.jobs import plan

    git, configured = _configured(app)
    agent = Agent(git.shell, os.environ)
    if configured.bucket is None:
        plan.run(git, configured, env=os.environ, store=ArtifactStore(agent), agent=agent, say=_say)
        return
    from shipping.s3 import connect

    with connect(configured.bucket) as store:
        plan.run(git, configured, env=os.environ, store=store, agent=agent, say=_say)


def _configured(app: str | None) -> tuple[Git, Config]:
    shell = LocalShell()
    found = shell.run(["git", "rev-parse", "--show-toplevel"])
    if found.code != 0:
        raise UsageError(f"cannot find a git repository at {str(Path.cwd())!r}", hint="cd into your repository first")
    root = Path(found.text.strip())
    return Git(shell, root), config.load(config.find(root, app))


def _plan_here(app: str | None, *, remote: bool) -> StoredPlan:
    from pipeline_gen.generate import generate
    from pipeline_gen.suites.composing import Surroundings

    git, configured = _configured(app)
    dirty = git.dirty()
    if dirty:
        _say(f"note: {len(dirty)} uncommitted path(s) are not part of a build, {dirty[0]!r} for one")
    store = _home_bucket(configured) if remote else None
    around = Surroundings(git=git, root=git.root, store=store, say=_say)
    return generate(context.from_checkout(git), configured, around, fetch=False)


def _home_bucket(configured: Config) -> Store:
    if configured.bucket is None:
        raise UsageError("cannot ask the bucket: the configuration names none", hint="leave --remote out")
    from shipping.s3 import connect

    return connect(configured.bucket)


def _read_pipeline(file: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"cannot read {str(file)!r} as YAML: {error}") from error
    if isinstance(data, list):
        return {"steps": data}
    if not isinstance(data, dict) or not isinstance(data.get("steps"), list):
        raise UsageError(f"cannot lint {str(file)!r}: it has no list of steps")
    return data


def _as_json(stored: StoredPlan) -> str:
    return json.dumps({"plan": stored.plan.to_json(), "pipeline": list(stored.pipeline)}, indent=2)


def _say(line: str) -> None:
    click.echo(line, err=True)
