"""`ship lock` and `ship unlock`: the lanes of regions, by S3 alone. Buildkite may be down."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pipeline_gen.errors import ShipError, UsageError
from shipping.cli.regions import (
    all_option,
    app_option,
    chosen,
    json_option,
    load_config,
    local_option,
    open_lanes,
    opened,
    region_option,
    state_option,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pipeline_gen.config import Config
    from shipping.cli.regions import Place
    from shipping.lane.ledger import Ledger
    from shipping.lane.machine import Act
    from shipping.release.holding import Held


@click.command()
@app_option
@region_option
@all_option
@click.option("--reason", required=True, help="Why; whoever meets the lock reads it.")
@local_option
@state_option
@json_option
def lock(
    *,
    app: str | None,
    names: tuple[str, ...],
    everywhere: bool,
    reason: str,
    here: bool,
    state: Path | None,
    as_json: bool,
) -> int:
    """Stop deploys to regions, until somebody unlocks them. What runs there goes on running.

    Takes effect with the write: a deploy that has not flipped yet ends without doing anything, and its build waits. Exit status
    1: somebody had locked one of them already, and that lock stays.

    \b
    Example: ship lock --region us --region eu --reason "mail is delayed, looking"
    Example: ship lock --all --reason "change freeze until Monday"
    """
    from shipping.release.holding import lock as hold

    if not reason.strip():
        raise UsageError("cannot lock without a reason", hint='ship lock --region us --reason "mail is delayed"')
    config = load_config(app)
    with opened(config, here=here, state=state) as place:
        done = _change(config, names, hold, reason, everywhere=everywhere, place=place)
    _print(config, done, {}, as_json=as_json)
    return max(one.exit_code for one in done)


@click.command()
@app_option
@region_option
@all_option
@click.option("--reason", default="", help="What has changed; kept in the history.")
@local_option
@state_option
@json_option
def unlock(
    *,
    app: str | None,
    names: tuple[str, ...],
    everywhere: bool,
    reason: str,
    here: bool,
    state: Path | None,
    as_json: bool,
) -> int:
    """Let deploys to regions go on, and unblock the builds that wait for it.

    The newest of them is deployed, older ones end as superseded. Unblocking needs `buildkite: {organization: ...}` in the
    configuration, and BUILDKITE_API_TOKEN with the scopes read_builds and write_builds; without, it is said what is left to do
    by hand. Exit status 1: one of the regions was not locked; its waiting builds are unblocked all the same.

    \b
    Example: ship unlock --region us --region eu --reason "the queue is empty again"
    """
    from shipping.release.holding import unlock as release

    config = load_config(app)
    with opened(config, here=here, state=state) as place:
        done = _change(config, names, release, reason, everywhere=everywhere, place=place)
        freed = {one.environment: _let_go(config, one.environment, place) for one in done if one.error is None}
    _print(config, done, freed, as_json=as_json)
    return max(*(one.exit_code for one in done), *(one.exit_code for one in freed.values()), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """The builds of a region that were unblocked; ``left`` is what a person has to do, ``error`` why."""

    builds: tuple[int, ...] = ()
    left: str = ""
    error: ShipError | None = None

    @property
    def exit_code(self) -> int:
        return 0 if self.error is None else self.error.exit_code


def _let_go(config: Config, region: str, place: Place) -> Freed:
    """Unblock what waits for this region's lock. The lane is unlocked whatever becomes of this."""
    from pipeline_gen.pipelines.app import deploy_pipeline
    from shipping.buildkite.organization import TOKEN
    from shipping.buildkite.waiting import let_go

    pipeline = config.buildkite.pipeline_slug(deploy_pipeline(config.app, region))
    by_hand = f"if a build of {pipeline!r} waits for this, unblock the newest one"
    if place.organization is None:
        return Freed(left=f"{by_hand} (with {TOKEN} and buildkite/organization set, `ship unlock` does it)")
    try:
        with place.organization() as organization:
            return Freed(builds=tuple(let_go(organization, pipeline)))
    except ShipError as error:
        return Freed(left=f"{by_hand}: {error.message}", error=error)


def _change(
    config: Config,
    names: tuple[str, ...],
    change: Callable[[Sequence[Ledger], Act], list[Held]],
    reason: str,
    *,
    everywhere: bool,
    place: Place,
) -> list[Held]:
    regions = chosen(config, names, everywhere=everywhere)
    act = _act(reason, os.environ)
    with ExitStack() as stack:
        return change([ledger for ledger, _ in open_lanes(stack, config, regions, place)], act)


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


def _print(config: Config, done: Sequence[Held], freed: Mapping[str, Freed], *, as_json: bool) -> None:
    if as_json:
        facts = [_facts(one, freed.get(one.environment)) for one in done]
        click.echo(json.dumps({"app": config.app, "environments": facts}, indent=2))
        return
    for one in done:
        click.echo(_said(one))
        found = freed.get(one.environment, Freed())
        for number in found.builds:
            click.echo(f"  unblocked build {number}, which waited for this")
        if found.left:
            click.echo(f"  {found.left}")


def _said(one: Held) -> str:
    if one.error is not None:
        return f"{one.environment}: {one.error}"
    if one.lane is None:
        return f"{one.environment}: unchanged: {one.refused}"
    lock = one.lane.lock
    return f"{one.environment}: unlocked" if lock is None else f"{one.environment}: locked by {lock.who}: {lock.why}"


def _facts(one: Held, freed: Freed | None) -> dict[str, object]:
    lock = None if one.lane is None or one.lane.lock is None else one.lane.lock.to_json()
    facts = {
        "environment": one.environment,
        "changed": one.lane is not None,
        "lock": lock,
        "refused": one.refused,
        "error": None if one.error is None else one.error.message,
    }
    return facts if freed is None else {**facts, "unblocked": list(freed.builds), "left": freed.left or None}
