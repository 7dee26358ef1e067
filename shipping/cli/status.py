"""`ship status`: what each region must run and runs, who stopped it, and what waits. By S3 alone: Buildkite may be down."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

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

    from shipping.release.standing import Standing


@click.command()
@app_option
@region_option
@local_option
@state_option
@json_option
def status(*, app: str | None, names: tuple[str, ...], here: bool, state: Path | None, as_json: bool) -> int:
    """Say of each region what it must run, since when, who locked it, and how the last deploy there ended.

    Exit status 3: a region's bucket did not answer; the others are told.

    \b
    Example: ship status
    Example: ship status --region us --json
    """
    from shipping.release.standing import standing

    config = load_config(app)
    regions = chosen(config, names, everywhere=not names)
    with ExitStack() as stack:
        place = stack.enter_context(opened(config, here=here, state=state))
        found = [standing(ledger, bucket, config.app) for ledger, bucket in open_lanes(stack, config, regions, place)]
    if as_json:
        click.echo(json.dumps({"app": config.app, "environments": [one.to_json() for one in found]}, indent=2))
    else:
        for one in found:
            click.echo("\n".join(_lines(one)))
    return max((one.error.exit_code for one in found if one.error is not None), default=0)


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
