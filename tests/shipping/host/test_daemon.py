"""A daemon's turns, against a real bucket and a real disk; only the clock is the test's."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import ManualClock
from shipping.host.daemon import Daemon
from shipping.host.pace import POLL
from shipping.lane import keys, machine
from shipping.records.beacon import Runs
from shipping.slug.manifest import Manifest
from tests.shipping.host.site import ENVIRONMENT, Machine, Site, open_site
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.host.rolls import Release
    from shipping.local.objects import ObjectServer
    from shipping.local.objects.faults import Request

ALL = ["complete", "fetched", "serving", "triggered"]


@pytest.fixture
def site(objects: ObjectServer, tmp_path: Path) -> Iterator[Site]:
    with open_site(objects, tmp_path) as site:
        yield site


@pytest.fixture
def host(site: Site) -> Machine:
    return Machine(site=site)


def test_a_pointer_becomes_what_runs(site: Site, host: Machine) -> None:
    """Fetched, rolled, acknowledged in every state, and in the beacon."""
    wanted = site.publish()
    pointer = site.flip(wanted)

    wait = host.start().turn()

    assert host.serves() == ["print(1)"]
    assert site.acks(pointer) == ALL
    assert site.beacon().runs == Runs(commit=wanted.commit, slug=wanted.slug, token=pointer.token)
    assert site.beacon().reached == "complete"
    assert wait == POLL


def test_a_lane_that_was_never_told_anything(site: Site, host: Machine) -> None:
    """A new environment's hosts wait, and say that they are there."""
    host.start().turn()

    assert host.serves() == []
    assert site.beacon().runs is None


def test_an_unchanged_lane_costs_one_request_without_a_body(site: Site, host: Machine, objects: ObjectServer) -> None:
    """Four polls: four questions for the lane, one for the hint, nothing written."""
    site.flip(site.publish())
    daemon = host.start()
    host.turn(daemon, 4)
    before = len(objects.faults.seen(bucket=site.bucket.name))

    host.turn(daemon, 4)

    seen = [(one.operation, one.key) for one in objects.faults.seen(bucket=site.bucket.name)[before:]]
    assert sorted(seen) == [("get", keys.lane(APP, ENVIRONMENT))] * 4 + [("get", keys.following(APP, ENVIRONMENT))]


def test_what_is_hinted_is_fetched_before_it_is_wanted(site: Site, host: Machine, objects: ObjectServer) -> None:
    """Then the flip costs no byte of the slug."""
    site.flip(site.publish())
    daemon = host.start()
    host.turn(daemon)
    following = site.publish()
    site.hint(following)

    host.turn(daemon, 4)

    assert following.slug in host.kept()
    assert host.serves() == ["print(1)"]
    objects.faults.clear()
    pointer = site.flip(following)
    host.turn(daemon)
    assert host.serves() == ["print(2)"]
    assert site.acks(pointer) == ALL
    assert objects.faults.seen("get", bucket=site.bucket.name, key="*/blobs/*") == []
    assert objects.faults.seen("get", bucket=site.bucket.name, key="*/manifests/*") == []


def test_only_layers_that_changed_are_fetched(site: Site, host: Machine, objects: ObjectServer) -> None:
    """The dependencies of the last release are those of this one."""
    site.flip(site.publish())
    daemon = host.start()
    host.turn(daemon)
    objects.faults.clear()
    site.flip(site.publish())

    host.turn(daemon)

    assert host.serves() == ["print(2)"]
    assert len(objects.faults.seen("get", bucket=site.bucket.name, key="*/blobs/*")) == 1


def test_rolling_back_to_a_kept_release_fetches_nothing(site: Site, host: Machine, objects: ObjectServer) -> None:
    """Nothing but the lane is read."""
    first, second = site.publish(), site.publish()
    site.flip(first)
    daemon = host.start()
    host.turn(daemon)
    site.flip(second)
    host.turn(daemon, 4)
    assert host.serves() == ["print(2)"]
    pointer = site.roll_back(first)
    objects.faults.clear()

    host.turn(daemon)

    assert host.serves() == ["print(1)"]
    assert site.acks(pointer) == ALL
    read = {one.key for one in objects.faults.seen("get", bucket=site.bucket.name)}
    assert read <= {keys.lane(APP, ENVIRONMENT), keys.following(APP, ENVIRONMENT)}


def test_commits_that_share_a_slug_are_releases_of_their_own(site: Site, host: Machine) -> None:
    """A commit that changes only the README still becomes what runs."""
    first = site.publish("print('same')")
    second = site.publish("print('same')")
    assert first.slug == second.slug
    daemon = host.start()
    site.flip(first)
    host.turn(daemon)
    before = host.rolls.living()

    pointer = site.flip(second)
    host.turn(daemon)

    assert host.rolls.living() != before
    assert site.beacon().runs == Runs(commit=second.commit, slug=second.slug, token=pointer.token)


def test_hosts_begin_each_at_its_moment(site: Site) -> None:
    """Within the spread, and not all at once; a host that serves nothing does not wait."""
    hosts = [Machine(site=site, name=f"host-{number}", spread=60.0) for number in range(5)]
    daemons = [host.start() for host in hosts]
    site.flip(site.publish())
    for host, daemon in zip(hosts, daemons, strict=True):
        host.turn(daemon)
        assert host.serves() == ["print(1)"]
    begun = [host.clock.monotonic() for host in hosts]
    pointer = site.flip(site.publish())
    took = []

    for host, daemon, start in zip(hosts, daemons, begun, strict=True):
        for _ in range(20):
            if host.serves() != ["print(2)"]:
                host.turn(daemon)
        took.append(host.clock.monotonic() - start)
        assert site.acks(pointer, host.name) == ALL

    assert all(seconds <= 66 for seconds in took)
    assert len({round(seconds) for seconds in took}) > 2


def test_the_lane_is_read_again_just_before_acting(site: Site) -> None:
    """What was taken back while a host waited for its moment is never begun there."""
    host = Machine(site=site, spread=60.0)
    daemon = host.start()
    first, second = site.publish(), site.publish()
    site.flip(first)
    host.turn(daemon)
    pointer = site.flip(second)
    daemon.turn()
    assert site.acks(pointer) == ["fetched"]
    site.roll_back(first)
    host.turn(daemon, 20)

    assert site.acks(pointer) == ["fetched"]
    assert host.serves() == ["print(1)"]


def test_at_its_moment_a_host_reads_the_lane_once(site: Site, objects: ObjectServer) -> None:
    """What it read a moment ago, and did nothing since, is what it acts on: a fleet's moments are 80 reads a second less."""
    host = Machine(site=site, spread=60.0)
    daemon = host.start()
    site.flip(site.publish())
    host.turn(daemon)
    pointer = site.flip(site.publish())
    host.turn(daemon)
    while "triggered" not in site.acks(pointer):
        before = len(lane_reads(site, objects))
        host.turn(daemon)

    assert len(lane_reads(site, objects)) - before == 1


def test_polls_are_counted_from_their_beginning(site: Site) -> None:
    """However long an answer takes, the next poll is a multiple of the poll later: no stall brings hosts into step."""
    clock = ManualClock()
    host = Machine(site=site, clock=clock, at=lambda point: clock.sleep(2 * POLL + 1) if point == "lane-read" else None)

    assert host.start().turn() == POLL - 1


def test_daemons_that_start_at_once_do_not_ask_at_once(site: Site) -> None:
    parts = [replace(Machine(site=site).parts(), chance=partial(float, chance)) for chance in (0, 0.5, 1)]

    assert [Daemon(one).begin() for one in parts] == [0, POLL / 2, POLL]


def lane_reads(site: Site, objects: ObjectServer) -> list[Request]:
    return objects.faults.seen("get", bucket=site.bucket.name, key=keys.lane(APP, ENVIRONMENT))


def test_a_halt_is_obeyed_until_it_ends(site: Site, host: Machine) -> None:
    """The slug is fetched, nothing is rolled."""
    site.flip(site.publish())
    daemon = host.start()
    host.turn(daemon)
    pointer = site.flip(site.publish())
    site.change(machine.halt)

    host.turn(daemon, 10)
    assert host.serves() == ["print(1)"]
    assert site.acks(pointer) == ["fetched"]

    site.change(machine.resume)
    host.turn(daemon)
    assert host.serves() == ["print(2)"]


def test_a_pointer_that_moves_in_the_middle_of_a_roll(site: Site, host: Machine) -> None:
    """The roll ends between two groups, the next begins at once, and the lost one is neither complete nor failed."""
    first, second = site.publish(), site.publish()
    site.flip(first)
    daemon = host.start()
    host.turn(daemon)
    lost = site.flip(second)

    def middle(release: Release) -> None:
        if release.commit == second.commit:
            site.roll_back(first)
            host.clock.sleep(6)

    host.middle = middle
    host.turn(daemon)

    assert host.serves() == ["print(1)"]
    assert site.acks(lost) == ["fetched", "serving", "triggered"]
    assert site.beacon().runs is not None


def test_a_release_that_does_not_boot_is_never_seen_as_begun(site: Site, host: Machine) -> None:
    """Its failure is acked before anything else of it: a deploy that looks in between must not count the host as begun."""
    site.flip(site.publish())
    daemon = host.start()
    host.turn(daemon)
    broken = site.flip(site.publish(breaks=True))
    seen: list[list[str]] = []
    host.at = lambda point: seen.append(site.acks(broken)) if point == "failed-acked" else None

    daemon = host.start()
    host.turn(daemon)

    assert seen == [["failed", "fetched"]]
    assert site.beacon().why == "it does not boot"
    assert site.acks(broken) == ["failed", "fetched", "triggered"]


def test_a_release_that_does_not_boot(site: Site, host: Machine) -> None:
    """The old one serves on, the failure is acked with its reason, nothing is tried again, and the next release is taken."""
    site.flip(site.publish())
    daemon = host.start()
    host.turn(daemon)
    broken = site.flip(site.publish(breaks=True))

    host.turn(daemon, 20)

    assert host.serves() == ["print(1)"]
    assert site.acks(broken) == ["failed", "fetched", "triggered"]
    assert site.beacon().reached == "failed"
    assert site.beacon().why == "it does not boot"
    assert len([line for line in host.said if "rolling to" in line]) == 2

    site.flip(site.publish())
    host.turn(daemon)
    assert host.serves() == ["print(3)"]


def test_what_died_is_started_again_with_the_bucket_away(site: Site, host: Machine, objects: ObjectServer) -> None:
    """S3 away: what runs keeps running, and what died is started again from the disk."""
    site.flip(site.publish())
    daemon = host.start()
    host.turn(daemon)
    away(objects)
    host.rolls.kill()

    host.turn(daemon, 3)

    assert host.serves() == ["print(1)"]
    assert any("could not read 'inbox/lanes/us.json'" in line for line in host.said)
    objects.faults.clear()
    host.turn(daemon, 4)
    assert site.beacon().why == ""


def test_acks_that_could_not_be_told_are_told_later(site: Site, host: Machine, objects: ObjectServer) -> None:
    """By this daemon, or by the one after it."""
    from shipping.local.objects.faults import Fault

    pointer = site.flip(site.publish())
    objects.faults.add(Fault(kind="503", operation="put", key="*/acks/*", times=None))
    daemon = host.start()
    host.turn(daemon)
    assert host.serves() == ["print(1)"]
    assert site.acks(pointer) == []
    objects.faults.clear()

    host.start().turn()

    assert site.acks(pointer) == ALL


def test_a_lower_token_is_refused_by_every_daemon_after(site: Site, host: Machine) -> None:
    """An old copy of the lane, put back by whatever mishap, changes nothing on a host that saw a newer one."""
    first, second = site.publish(), site.publish()
    site.flip(first)
    old = site.bucket.get(keys.lane(APP, ENVIRONMENT))
    assert old is not None
    site.flip(second)
    host.turn(host.start())
    put(site, old.body)

    host.turn(host.start(), 3)

    assert host.serves() == ["print(2)"]
    assert "which this host saw" in site.beacon().why


def test_a_damaged_lane_changes_nothing(site: Site, host: Machine) -> None:
    """Nor one that is another environment's."""
    site.flip(site.publish())
    daemon = host.start()
    host.turn(daemon)
    for body in (b"", b'{"schema": 99}', b"{}"):
        put(site, body)
        host.turn(daemon, 2)
        assert host.serves() == ["print(1)"]
        assert site.beacon().why != ""


def test_a_clock_that_jumps_moves_nothing(site: Site, host: Machine) -> None:
    """No decision is made by the time of day: it is only written into the beacon."""
    import time

    from pipeline_gen.clock import SystemClock

    assert SystemClock().monotonic() <= time.clock_gettime(time.CLOCK_MONOTONIC)
    pointer = site.flip(site.publish())
    host.turn(host.start())

    assert "2026" not in str(host.remembered()).replace(str(site.folder), "")
    assert site.acks(pointer) == ALL


def test_a_boot_makes_releases_that_never_reached_the_disk_be_fetched_again(site: Site, host: Machine) -> None:
    """Those that did are there; times of the boot before mean nothing, tokens do."""
    first, second = site.publish(), site.publish()
    daemon = host.start()
    site.flip(first)
    host.turn(daemon, 4)  # idle turns: the disk has it
    site.flip(second)
    daemon.turn()
    (host.folder / "releases" / second.slug / "durable").unlink(missing_ok=True)
    (host.folder / "releases" / second.slug / "tree/inbox/web.py").write_text("")  # as a power cut leaves it
    host.rolls.kill()
    host.boot = "boot-2"

    again = host.start()
    assert host.kept() == {first.slug}
    host.turn(again)

    assert host.serves() == ["print(2)"]


def test_releases_are_dropped_when_nobody_can_want_them(site: Site, host: Machine) -> None:
    """Fourteen releases, each for two hours: what serves, and the twelve before it."""
    daemon = host.start()
    published = []
    for _ in range(14):
        published.append(site.publish())
        site.flip(published[-1])
        host.turn(daemon)
        host.clock.sleep(7200)
    host.turn(daemon, 8)

    assert host.kept() == {one.slug for one in published[1:]}
    assert list((host.folder / "trash").iterdir()) == []
    layers = {
        layer.digest
        for slug in host.kept()
        for layer in Manifest.decode(
            (host.folder / "releases" / slug / "manifest.json").read_bytes(), app=APP, slug=slug, where="here"
        ).layers
    }
    assert {one.name.removesuffix(".tar.zst") for one in (host.folder / "blobs").iterdir()} == layers


def away(objects: ObjectServer) -> None:
    from shipping.local.objects.faults import Fault

    objects.faults.add(Fault(kind="503", times=None))


def put(site: Site, body: bytes) -> None:
    key = keys.lane(APP, ENVIRONMENT)
    stored = site.bucket.get(key)
    assert stored is not None
    assert site.bucket.replace(key, body, version=stored.version) is not None
