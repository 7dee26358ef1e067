"""What is seen of an environment, out of real buckets: what is live, what waits, how its hosts are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import Fleet, Process
from pipeline_gen.errors import InfraError
from shipping.fleet.inventory import Listed
from shipping.lane import keys, machine
from shipping.records.beacon import Beacon, Runs
from shipping.records.lane import KEPT, Token
from shipping.release.standing import Release, Standing, standing
from tests.shipping.release.scene import APP, Scene, commit, named

if TYPE_CHECKING:
    from shipping.fleet.inventory import Inventory
    from shipping.fleet.standing import Hosts
    from shipping.records.ack import State

FLEET = Fleet(tag=("ship:fleet", "inbox-us"), spread=0.0)


class NoAnswer:
    """An inventory that cannot be asked from here."""

    def hosts(self) -> frozenset[str]:
        raise InfraError("could not ask EC2")


def look(scene: Scene, *, fleet: Fleet | None = None, inventory: Inventory | None = None, later: float = 0) -> Standing:
    listed = inventory or Listed(names=scene.in_service)
    now = scene.clock.now() + timedelta(seconds=later)
    return standing(scene.ledger(), scene.regions["us"], APP, fleet=fleet, tagged=lambda _key, _value: listed, now=now)


def test_the_last_run_of_the_deploy_command_is_seen_and_what_is_live_where_it_failed(scene: Scene) -> None:
    scene.clear(1)
    assert look(scene).run is None
    scene.deploy(1)
    scene.clear(2)
    scene.env["STATUS"] = "4"
    scene.deploy(2)

    failed = look(scene)
    scene.env.clear()
    scene.deploy(2)
    done = look(scene)

    assert failed.run is not None
    assert failed.live is not None
    assert (failed.run.status, failed.live.commit) == (4, commit(1))
    assert done.flipped is not None
    assert (done.flipped.commit, done.to_json()["deploy"]["status"]) == (commit(2), 0)
    assert done.live == done.run


def test_what_is_cleared_and_newer_is_pending(scene: Scene) -> None:
    """Newest first; what the lane wants, and what is older, is not."""
    scene.clear(3)
    scene.clear(5)
    assert look(scene).pending == (Release(position=5, commit=commit(5)), Release(position=3, commit=commit(3)))
    scene.deploy(5)
    scene.clear(8)

    assert look(scene).pending == (Release(position=8, commit=commit(8)),)


def test_since_when_is_known_although_the_lane_has_forgotten(scene: Scene) -> None:
    scene.clear(1)
    scene.deploy(1)
    for number in range(KEPT):
        for act, change in ((named(f"hold-{number}"), machine.lock), (named(f"free-{number}"), machine.unlock)):
            scene.ledger().change(act, partial(change, act=act))

    seen = look(scene)

    assert seen.lane is not None
    assert {one.kind for one in seen.lane.transitions} == {"lock", "unlock"}
    assert seen.flipped is not None
    assert (seen.flipped.kind, seen.flipped.commit) == ("flip", commit(1))


@pytest.fixture
def rolling(scene: Scene) -> Scene:
    """A release that was flipped to; of its three hosts one is complete, one failed, one says nothing."""
    web = Process(name="web", command=("bin/start",))
    regions = tuple(replace(one, deploy=None, fleet=FLEET) for one in scene.config.regions)
    scene.config = replace(scene.config, regions=regions, processes=(web,))
    scene.in_service = ("a", "b", "c")
    scene.clear(1)
    said: tuple[tuple[str, State], ...] = (("a", "failed"), ("a", "complete"), ("b", "triggered"), ("b", "failed"))
    for host, state in said:
        scene.regions["us"].create(keys.acks(APP, "us", Token(counter=1), state, host), b"")
    beacon = Beacon(
        host="b",
        environment="us",
        runs=Runs(commit="b" * 40, slug="r" * 64, token=Token()),
        wanted=Token(counter=1),
        reached="failed",
        why="it does not boot",
        at="2026-01-01T00:00:09.000Z",
    )
    scene.regions["us"].create(keys.beacon(APP, "us", "b"), beacon.encode())
    scene.deploy(1)
    return scene


def seen(found: Standing) -> Hosts:
    assert found.hosts is not None, found.error
    return found.hosts


def test_hosts_are_counted_and_the_unwell_ones_speak(rolling: Scene) -> None:
    """A host that failed and overcame it is complete."""
    found = seen(look(rolling, fleet=FLEET, later=31))

    assert [sorted(one) for one in (found.count.complete, found.count.failed, found.count.silent)] == [
        ["a"],
        ["b"],
        ["c"],
    ]
    assert found.why == {
        "b": "it does not boot; runs bbbbbbbbbbbb, said so at 2026-01-01T00:00:09.000Z",
        "c": "never spoke",
    }
    assert found.to_json()["counted"] == 3


def test_where_nobody_can_ask_who_is_in_service_all_that_were_counted_are(rolling: Scene) -> None:
    """From a laptop at night: what the bucket tells is told, with what it does not."""
    found = seen(look(rolling, fleet=FLEET, inventory=NoAnswer(), later=31))

    assert (found.count.expected, found.unasked) == (3, "could not ask EC2")
    assert look(rolling, fleet=FLEET, inventory=Listed(names=("a", "b"))).to_json()["hosts"]["gone"] == ["c"]
