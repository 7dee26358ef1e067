"""The one decision of a deploy: evidence, superseded, locked, `before`, flip, then the team's own command or a wait for hosts.

Nothing of it is held between the steps: whoever is killed anywhere and tried again under the same act comes to the same end.
The flip is one conditional write; a retry finds its own by the act's id, and goes on only as long as the lane wants it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.config import Deploy, Fleet, from_resolved
from pipeline_gen.errors import Refused, UsageError
from shipping.fleet.waiting import Wait
from shipping.lane import keys, machine
from shipping.lane.ledger import Change, Ledger
from shipping.lane.machine import BelowFloor, Locked, Superseded, Wanted
from shipping.records.history import Entry
from shipping.records.lane import Lane, Token
from shipping.release import commands, evidence, fleets
from shipping.slug.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline_gen.config import Config
    from shipping.fleet.waiting import Waited
    from shipping.lane.machine import Act, Refusal
    from shipping.records.clearance import Clearance
    from shipping.records.lane import Lock, Transition
    from shipping.records.run import Run
    from shipping.release.commands import Given, Shop
    from shipping.s3 import Bucket
    from shipping.signing import Trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Bring a commit to a region. ``act`` is the same in every attempt at it; ``trusted`` are the keys to verify with."""

    app: str
    region: str
    commit: str
    act: Act
    trusted: Trusted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Nothing was deployed: a human's lock. ``alone``: deploys there are a team's commands, which run one at a time."""

    lock: Lock
    alone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Nothing was deployed, or no longer: the region wants, or soon will, something else."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """The lane wants the release, and the command came to its end."""

    token: Token
    previous: str
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The lane wants the release, and its hosts were waited for."""

    token: Token
    previous: str
    waited: Waited


Ending = Stopped | Skipped | Deployed | Followed


def deploy(order: Order, bucket: Bucket, folder: Path, shop: Callable[[Path], Shop]) -> Ending:
    """Carry an order out. ``shop`` makes the place for commands out of the folder that the slug is unpacked to.

    Raises Refused where the release may not go there, InfraError where the bucket does not answer.
    """
    ledger = Ledger(bucket, app=order.app, environment=order.region)
    lane = ledger.read()
    mine = _mine(lane, order.act)
    if mine is not None and not _still(lane, mine):
        return _overtaken(lane)
    cleared = evidence.demand(bucket, order.app, order.commit, trusted=order.trusted)
    config = from_resolved(cleared.config)
    how = _how(config, order)
    if mine is None and (why := _superseded(bucket, lane, cleared, order.trusted)) is not None:
        return Skipped(why=why)
    if mine is None and lane.lock is not None:
        # After the newer ones were looked for: of all releases that a lock holds up, only the newest waits.
        return _stopped(lane.lock, how)
    unpacked = folder / "slug"
    if isinstance(how, Deploy) or config.release.before:
        # Only where a command of the team's runs in it: hosts fetch for themselves, and check every digest as this does.
        fetch(bucket, order.app, cleared.slug, unpacked, purpose="main", trusted=order.trusted)
    return _act(order, ledger, cleared, config, how, shop(unpacked), bucket)


def _act(
    order: Order, ledger: Ledger, cleared: Clearance, config: Config, how: Deploy | Fleet, shop: Shop, bucket: Bucket
) -> Ending:
    given = commands.Given(app=order.app, slug=cleared.slug, commit=order.commit, region=order.region)
    if isinstance(how, Deploy):
        commands.must_be_there(shop, how.command, given)
    # Each region's data are its own.
    floor = commands.prepare(shop, config.release.before, given, data_region=order.region)
    hosts = fleets.counted(how, order.region, shop.tagged) if isinstance(how, Fleet) else fleets.NOBODY
    changed = ledger.change(order.act, lambda lane: _flip(lane, cleared, order.act, floor=floor), hosts=hosts or None)
    if not isinstance(changed, Change):
        return _refused(changed, order, how)
    if not _still(changed.lane, changed.transition):
        return _overtaken(changed.lane)
    token, previous = changed.transition.token, _previous(bucket, order, changed)
    if isinstance(how, Deploy):
        run = commands.deploy(shop, how.command, _with(given, previous), token=token)
        return Deployed(token=token, previous=previous, run=run)
    waited = _follow(order, how, shop, bucket, token=token, hosts=hosts)
    now = ledger.read()
    if not _still(now, changed.transition):
        return _overtaken(now)
    return Followed(token=token, previous=previous, waited=waited)


def _follow(order: Order, fleet: Fleet, shop: Shop, bucket: Bucket, *, token: Token, hosts: tuple[str, ...]) -> Waited:
    wait = Wait(
        app=order.app,
        environment=order.region,
        token=token,
        hosts=hosts,
        spread=fleet.spread,
        limit=fleet.failed_hosts,
    )
    return fleets.follow(fleet, wait, bucket, tagged=shop.tagged, clock=shop.clock, say=shop.say)


def _how(config: Config, order: Order) -> Deploy | Fleet:
    """Return the region's one way of deploying: the team's own, or our hosts."""
    region = config.region(order.region)
    how = None if region is None else region.deploy or region.fleet
    if how is None:
        raise UsageError(
            f"cannot deploy {order.commit[:12]!r} to {order.region!r}: its configuration has neither"
            f" regions/{order.region}/deploy nor regions/{order.region}/fleet",
            hint="deploy a commit whose .buildkite/shipping.yml has one of them",
        )
    return how


def _with(given: Given, previous: str) -> Given:
    return commands.Given(app=given.app, slug=given.slug, commit=given.commit, region=given.region, previous=previous)


def _flip(lane: Lane, cleared: Clearance, act: Act, *, floor: bool) -> Lane | Refusal:
    wanted = Wanted(commit=cleared.commit, slug=cleared.slug, position=cleared.position)
    flipped = machine.flip(lane, wanted, act)
    return machine.raise_floor(flipped, cleared.position) if floor and isinstance(flipped, Lane) else flipped


def _mine(lane: Lane, act: Act) -> Transition | None:
    return next((one for one in lane.transitions if one.id == act.id), None)


def _still(lane: Lane, mine: Transition) -> bool:
    return lane.pointer is not None and lane.pointer.token == mine.token


def _superseded(bucket: Bucket, lane: Lane, cleared: Clearance, trusted: Trusted | None) -> str | None:
    pointer = lane.pointer
    if pointer is not None and pointer.position >= cleared.position:
        return f"{lane.environment} wants {pointer.commit[:12]} already, which is at or past it"
    newest = evidence.newer(bucket, cleared, trusted=trusted)
    return None if newest is None else f"{newest.commit[:12]} is newer and cleared: its own deploy takes this one along"


def _overtaken(lane: Lane) -> Skipped:
    now = "nothing" if lane.pointer is None else lane.pointer.commit[:12]
    return Skipped(why=f"this deploy did flip {lane.environment}, which wants {now} since")


def _stopped(lock: Lock, how: Deploy | Fleet) -> Stopped:
    return Stopped(lock=lock, alone=isinstance(how, Deploy))


def _refused(refusal: Refusal, order: Order, how: Deploy | Fleet) -> Ending:
    if isinstance(refusal, Locked):
        return _stopped(refusal.lock, how)
    if isinstance(refusal, Superseded):
        return Skipped(why=f"{order.region} wants {refusal.pointer.commit[:12]} by now, which is at or past it")
    if isinstance(refusal, BelowFloor):
        raise Refused(
            f"cannot deploy {order.commit[:12]!r} to {order.region!r}: the data there were changed by a later release"
            f" (position {refusal.floor})"
        )
    raise Refused(f"cannot deploy {order.commit[:12]!r} to {order.region!r}: {refusal.why}")


def _previous(bucket: Bucket, order: Order, changed: Change) -> str:
    """Return the commit that was wanted before the flip; the same in every attempt at it."""
    before = [one for one in changed.lane.transitions if one.token < changed.transition.token]
    if before:
        return before[-1].commit or ""
    token = changed.transition.token
    if token.counter <= 1:
        return ""
    key = keys.history(order.app, order.region, Token(epoch=token.epoch, counter=token.counter - 1))
    stored = bucket.get(key)
    pointer = None if stored is None else Entry.decode(stored.body, where=key).pointer
    return "" if pointer is None else pointer.commit
