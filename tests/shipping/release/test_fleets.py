"""One deploy to hosts of ours, with a real bucket: who is counted, who is waited for, and what a retry does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline_gen import config
from pipeline_gen.config import Fleet, Process
from pipeline_gen.errors import Refused
from shipping.lane import keys, machine
from shipping.lane.machine import Wanted
from shipping.records.lane import Token
from shipping.release.deploy import Ending, Followed, Skipped
from tests.shipping.release.scene import APP, Scene, commit, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.local.objects import ObjectServer
    from shipping.records.ack import State

TAGGED = Fleet(tag=("ship:fleet", "inbox-us"), spread=0.0)


def rolling(scene: Scene, fleet: Fleet, position: int = 1) -> str:
    """Clear a release of an app whose region has a fleet."""
    web = Process(name="web", command=("bin/start",))
    regions = tuple(replace(one, deploy=None, fleet=fleet) for one in scene.config.regions)
    scene.config = replace(scene.config, regions=regions, processes=(web,))
    return scene.clear(position)


def ack(scene: Scene, counter: int, state: State, hosts: Sequence[str]) -> None:
    for host in hosts:
        scene.regions["us"].create(keys.acks(APP, "us", Token(counter=counter), state, host), b"")


def followed(ending: Ending) -> Followed:
    assert isinstance(ending, Followed), ending
    return ending


def test_the_hosts_in_service_are_counted_at_the_flip_and_waited_for(scene: Scene) -> None:
    """They stand in the history, no command runs, and the answer names who was waited for in vain."""
    scene.in_service = ("i-2", "i-1")
    rolling(scene, TAGGED)
    ack(scene, 1, "triggered", ["i-1"])

    done = followed(scene.deploy(1))

    assert done.waited.ending == "failed"
    assert done.waited.words() == "1 of 2 hosts began in 30 s; silent: i-2; 0 may fail or stay silent"
    (entry,) = scene.ledger().history()
    assert entry.hosts == ("i-1", "i-2")
    assert scene.log == []


def test_a_retry_waits_for_the_hosts_of_the_flip(scene: Scene) -> None:
    """One that came since runs what the lane wants from its start, and was never counted."""
    scene.in_service = ("i-1",)
    rolling(scene, TAGGED)
    assert not followed(scene.deploy(1)).waited.ok
    scene.in_service = ("i-1", "i-9")
    ack(scene, 1, "triggered", ["i-1"])

    done = followed(scene.deploy(1))

    assert done.waited.ok
    assert done.waited.count.begun == {"i-1"}
    assert len(scene.ledger().read().transitions) == 1


def test_named_hosts_are_a_fleet(scene: Scene) -> None:
    rolling(scene, Fleet(hosts=("a", "b"), spread=0.0))
    ack(scene, 1, "triggered", ["a", "b"])

    assert followed(scene.deploy(1)).waited.words() == "2 of 2 hosts began in 0 s"


def test_the_job_fetches_no_slug_for_hosts_that_fetch_for_themselves(scene: Scene, objects: ObjectServer) -> None:
    """It reads what it demands; a release with a `before` is unpacked, for that to run in."""
    rolling(scene, Fleet(hosts=("a",), spread=0.0))
    ack(scene, 1, "triggered", ["a"])
    us = scene.regions["us"].name
    objects.faults.clear()

    assert followed(scene.deploy(1)).waited.ok
    read = {one.key for one in objects.faults.seen("get", bucket=us)}
    assert any("/manifests/" in key for key in read)
    assert not any("/blobs/" in key for key in read)

    scene.config = replace(scene.config, release=config.Release(before=("bin/before", "{commit}")))
    scene.clear(2)
    ack(scene, 2, "triggered", ["a"])
    assert followed(scene.deploy(2)).waited.ok
    assert scene.log == [f"before {commit(2)}"]


def test_a_tag_that_no_host_in_service_has_is_refused_before_the_flip(scene: Scene) -> None:
    rolling(scene, TAGGED)

    with pytest.raises(Refused, match="no host with the tag 'ship:fleet=inbox-us' is in service") as caught:
        scene.deploy(1)

    assert caught.value.hint == "aws ec2 describe-instances --filters Name=tag:ship:fleet,Values=inbox-us"
    assert scene.ledger().read().transitions == ()


def test_whoever_wants_something_else_since_makes_it_superseded(scene: Scene) -> None:
    """A rollback while hosts were waited for: that they began with it proves nothing about this release."""
    scene.in_service = ("i-1",)
    rolling(scene, TAGGED, 2)
    act = named("back")
    older = Wanted(commit=commit(1), slug="s" * 64, position=1)

    def say(line: str) -> None:
        if line == "0 of 1 hosts began":
            scene.ledger().change(act, lambda lane: machine.roll_back(lane, older, act))
            ack(scene, 2, "triggered", ["i-1"])

    scene.told = say

    ending = scene.deploy(2)

    assert isinstance(ending, Skipped)
    assert commit(1)[:12] in ending.why
