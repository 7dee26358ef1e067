"""`ship status`, `ship lock`, `ship unlock`: the lanes of regions, by S3 alone. Buildkite may be down."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_gen.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline_gen.config import Config, Region
    from shipping.lane.ledger import Ledger
    from shipping.lane.machine import Act
    from shipping.release.holding import Held
    from shipping.release.standing import Standing
    from shipping.s3 import Bucket

app_option = click.option("--app", help="Which app's configuration, where the repository has several.")
region_option = click.option("--region", "names", multiple=True, help="A region; may be repeated.")
all_option = click.option("--all", "everywhere", is_flag=True, help="Every region that deploys.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")


@click.command()
@app_option
@region_option
@json_option
def status(*, app: str | None, names: tuple[str, ...], as_json: bool) -> int:
    """Say of each region what it must run, since when, who locked it, and how the last deploy there ended.

    Exit status 3: a region's bucket did not answer; the others are told.

    \b
    Example: ship status
    Example: ship status --region us --json
    """
    from shipping.release.standing import standing

    config = _config(app)
    with ExitStack() as stack:
        found = [
            standing(ledger, bucket, config.app)
            for ledger, bucket in _open(stack, config, _chosen(config, names, everywhere=not names))
        ]
    if as_json:
        click.echo(json.dumps({"app": config.app, "environments": [one.to_json() for one in found]}, indent=2))
    else:
        for one in found:
            click.echo("\n".join(_lines(one)))
    return max((one.error.exit_code for one in found if one.error is not None), default=0)


@click.command()
@app_option
@region_option
@all_option
@click.option("--reason", required=True, help="Why; whoever meets the lock reads it.")
@json_option
def lock(*, app: str | None, names: tuple[str, ...], everywhere: bool, reason: str, as_json: bool) -> int:
    """Stop deploys to regions, until somebody unlocks them. What runs there goes on running.

    Takes effect with the write: a deploy that has not flipped yet ends without doing anything. Exit status 1: somebody had
    locked one of them already, and that lock stays.

    \b
    Example: ship lock --region us --region eu --reason "mail is delayed, looking"
    Example: ship lock --all --reason "change freeze until Monday"
    """
    from shipping.release.holding import lock as hold

    if not reason.strip():
        raise UsageError("cannot lock without a reason", hint='ship lock --region us --reason "mail is delayed"')
    return _hold(app, names, hold, reason, everywhere=everywhere, as_json=as_json)


@click.command()
@app_option
@region_option
@all_option
@click.option("--reason", default="", help="What has changed; kept in the history.")
@json_option
def unlock(*, app: str | None, names: tuple[str, ...], everywhere: bool, reason: str, as_json: bool) -> int:
    """Let deploys to regions go on. The next release that is cleared goes there.

    Exit status 1: one of them was not locked.

    \b
    Example: ship unlock --region us --region eu --reason "the queue is empty again"
    """
    from shipping.release.holding import unlock as release

    return _hold(app, names, release, reason, everywhere=everywhere, as_json=as_json)


def _hold(
    app: str | None,
    names: tuple[str, ...],
    change: Callable[[Sequence[Ledger], Act], list[Held]],
    reason: str,
    *,
    everywhere: bool,
    as_json: bool,
) -> int:
    config = _config(app)
    regions = _chosen(config, names, everywhere=everywhere)
    act = _act(reason, os.environ)
    with ExitStack() as stack:
        done = change([ledger for ledger, _ in _open(stack, config, regions)], act)
    if as_json:
        click.echo(json.dumps({"app": config.app, "environments": [_facts(one) for one in done]}, indent=2))
    else:
        for one in done:
            click.echo(_said(one))
    return max(one.exit_code for one in done)


def _chosen(config: Config, names: Sequence[str], *, everywhere: bool) -> tuple[Region, ...]:
    known = [region.name for region in config.deploying]
    if not known:
        raise UsageError(
            f"cannot find a region of {config.app!r} that deploys", hint="docs/deploy.md: regions/<name>/deploy"
        )
    if everywhere == bool(names):
        raise UsageError("cannot tell which regions are meant", hint=f"--region {known[0]}, or --all")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"cannot find the region {unknown[0]!r}, there is {', '.join(known)}{nearest(unknown[0], known)}"
        )
    return tuple(region for region in config.deploying if everywhere or region.name in names)


def _open(stack: ExitStack, config: Config, regions: Sequence[Region]) -> list[tuple[Ledger, Bucket]]:
    from shipping.lane.ledger import Ledger
    from shipping.s3 import connect

    buckets = [stack.enter_context(connect(region.bucket)) for region in regions]
    return [
        (Ledger(bucket, app=config.app, environment=region.name), bucket)
        for region, bucket in zip(regions, buckets, strict=True)
    ]


def _act(reason: str, env: Mapping[str, str]) -> Act:
    from uuid import uuid4

    from pipeline_gen.clock import SystemClock, rfc3339
    from shipping.lane.machine import Act

    return Act(id=f"hand-{uuid4().hex[:20]}", at=rfc3339(SystemClock().now()), actor=_who(env), reason=reason)


def _who(env: Mapping[str, str]) -> str:
    """Return who acts: whom Buildkite says inside a job, whom git says elsewhere."""
    for name in ("BUILDKITE_UNBLOCKER", "BUILDKITE_BUILD_CREATOR"):
        if env.get(name):
            return env[name]
    from pipeline_gen.shell import LocalShell

    for field in ("user.name", "user.email"):
        done = LocalShell().run(["git", "config", "--get", field])
        if done.code == 0 and done.text.strip():
            return done.text.strip()
    raise UsageError(
        "cannot tell who you are: a lock says who locked", hint='git config --global user.name "Your Name"'
    )


def _config(app: str | None) -> Config:
    from pipeline_gen.config import find, load

    return load(find(Path.cwd(), app))


def _said(one: Held) -> str:
    if one.error is not None:
        return f"{one.environment}: {one.error}"
    if one.lane is None:
        return f"{one.environment}: unchanged: {one.refused}"
    lock = one.lane.lock
    return f"{one.environment}: unlocked" if lock is None else f"{one.environment}: locked by {lock.who}: {lock.why}"


def _facts(one: Held) -> dict[str, object]:
    lock = None if one.lane is None or one.lane.lock is None else one.lane.lock.to_json()
    return {
        "environment": one.environment,
        "changed": one.lane is not None,
        "lock": lock,
        "refused": one.refused,
        "error": None if one.error is None else one.error.message,
    }


def _lines(one: Standing) -> list[str]:
    if one.lane is None:
        return [f"{one.environment}: {one.error}"]
    lane, since = one.lane, one.flipped
    pointer = lane.pointer
    wants = "wants nothing yet" if pointer is None else f"wants {pointer.commit[:12]} (position {pointer.position})"
    lines = [f"{one.environment}: {wants}{f', since {since.at}, {since.reason}' if since else ''}"]
    if one.run is not None:
        how = "succeeded" if one.run.status == 0 else f"ended with status {one.run.status}"
        lines.append(f"  deploy command: {how} at {one.run.at}")
    if lane.lock is not None:
        lines.append(f"  locked by {lane.lock.who} since {lane.lock.since}: {lane.lock.why}")
    return (
        lines
        + ([f"  halted: {lane.halted}"] if lane.halted else [])
        + ([f"  floor: {lane.floor}"] if lane.floor else [])
    )
