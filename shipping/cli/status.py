"""`ship status`: what each region must run and runs, who stopped it, and what waits. By S3 alone: Buildkite may be down."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipeline_gen.clock import SystemClock
from shipping.cli.regions import (
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
    from pathlib import Path

    from shipping.fleet.standing import Hosts
    from shipping.records.lane import Lane
    from shipping.release.standing import Standing

STATES = ("complete", "serving", "triggered", "waiting", "failed", "silent", "gone")


@click.command()
@app_option
@region_option
@local_option
@state_option
@json_option
def status(*, app: str | None, names: tuple[str, ...], here: bool, state: Path | None, as_json: bool) -> int:
    """Say of each region what it must run, since when, by whom, and whether it does; who locked it; what waits to go there.

    Reads the regions' buckets alone, and EC2 where a fleet is named by a tag: Buildkite may be down. It counts which hosts came
    how far with the wanted release, and lets those speak that failed, are late or silent. Exit status 3: a region's bucket
    did not answer; the others are told.

    \b
    Example: ship status
    Example: ship status --region us --json
    """
    from shipping.aws import ec2
    from shipping.release.standing import standing

    now = SystemClock().now()
    config = load_config(app)
    regions = chosen(config, names, everywhere=not names)
    with ExitStack() as stack:
        place = stack.enter_context(opened(config, here=here, state=state))
        found = [
            standing(ledger, bucket, config.app, fleet=region.fleet, tagged=ec2.connect, now=now)
            for region, (ledger, bucket) in zip(regions, open_lanes(stack, config, regions, place), strict=True)
        ]
    if as_json:
        click.echo(json.dumps({"app": config.app, "environments": [one.to_json() for one in found]}, indent=2))
    else:
        for one in found:
            click.echo("\n".join(_lines(one, now)))
    return max((one.error.exit_code for one in found if one.error is not None), default=0)


def _lines(one: Standing, now: datetime) -> list[str]:
    if one.lane is None:
        return [f"{one.environment}: {one.error}"]
    return [
        f"{one.environment}: {_wanted(one, one.lane, now)}",
        *_stopped(one.lane, now),
        *([] if one.hosts is not None or one.lane.pointer is None else _command(one, now)),
        *([] if one.hosts is None else _fleet(one.hosts)),
        *_pending(one),
    ]


def _wanted(one: Standing, lane: Lane, now: datetime) -> str:
    if lane.pointer is None:
        return "wants nothing yet"
    since = one.flipped
    told = f", since {_when(since.at, now)}, by {since.actor}, {since.reason}" if since else ""
    return f"wants {lane.pointer.commit[:12]} (position {lane.pointer.position}){told}"


def _stopped(lane: Lane, now: datetime) -> list[str]:
    lock = [f"  locked by {lane.lock.who} since {_when(lane.lock.since, now)}: {lane.lock.why}"] if lane.lock else []
    halted = [f"  halted: {lane.halted}"] if lane.halted else []
    floor = [f"  floor: no rollback goes below position {lane.floor}"] if lane.floor else []
    return [*lock, *halted, *floor]


def _command(one: Standing, now: datetime) -> list[str]:
    """Tell how the team's own command ended, and where it did not, which release it brought there last."""
    run, live = one.run, one.live
    if run is not None and run.status == 0:
        return [f"  live: the deploy command succeeded at {_when(run.at, now)}"]
    ended = f"ended with status {run.status} at {_when(run.at, now)}" if run else "runs, or was lost"
    before = "nothing" if live is None else f"{live.commit[:12]}, at {_when(live.at, now)}"
    return [f"  not live: the deploy command {ended}; what it brought there last is {before}"]


def _fleet(hosts: Hosts) -> list[str]:
    found = hosts.count
    parts = [(name, len(getattr(found, name))) for name in STATES]
    told = ", ".join(f"{number} {name}" for name, number in parts if number) or "none was counted"
    lines = [f"  hosts: {told} (of {found.expected} counted and in service; {hosts.allowed} may fail or stay silent)"]
    for host, why in hosts.why.items():
        state = next(name for name in STATES if host in getattr(found, name))
        lines.append(f"    {host} {state}: {why}")
    more = len(found.failed | found.silent | found.waiting) - len(hosts.why)
    lines += [f"    and {more} more"] if more else []
    return [*lines, *([f"    who is in service is not known: {hosts.unasked}"] if hosts.unasked else [])]


def _pending(one: Standing) -> list[str]:
    from shipping.release.standing import MOST_PENDING

    if not one.pending:
        return []
    newest, count = one.pending[0], len(one.pending)
    many = f"{count} or more cleared releases are" if count >= MOST_PENDING else f"{count} cleared releases are"
    told = "1 cleared release is" if count == 1 else many
    return [f"  pending: {told} newer, the newest {newest.commit[:12]} (position {newest.position})"]


def _when(at: str, now: datetime) -> str:
    """Return a moment with how long ago it was: at night nobody subtracts times of another zone."""
    seconds = (now - datetime.fromisoformat(at)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{at} ({seconds / length:.0f} {unit} ago)"
    return f"{at} ({max(seconds, 0):.0f} s ago)"
