"""`ship status`, `lock` and `unlock`, as a person types them."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from shipping.buildkite.organization import ENDPOINT, TOKEN, opened
from shipping.cli import run
from shipping.lane import keys, machine
from shipping.lane.ledger import Ledger
from shipping.lane.machine import Wanted
from shipping.local.control import running
from shipping.records.beacon import Beacon
from tests.objects import own_bucket
from tests.repository import Repository
from tests.shipping.buildkite.test_waiting import waiting
from tests.shipping.release.scene import commit, named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer
    from shipping.s3 import Bucket

CONFIGURATION = """
app: inbox
bucket: {0}
slug: {{layers: {{app: {{keep: [inbox]}}}}}}
regions:
  us: {{bucket: {0}, deploy: {{command: bin/go}}}}
  eu: {{bucket: {1}, deploy: {{command: bin/go}}}}
  au: {{bucket: {1}}}
"""


@pytest.fixture
def buckets(objects: ObjectServer) -> Iterator[list[Bucket]]:
    with own_bucket(objects) as us, own_bucket(objects) as eu:
        yield [us, eu]


@pytest.fixture(autouse=True)
def root(objects: ObjectServer, buckets: list[Bucket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Stand in a configured repository, as somebody whom git knows."""
    repository = Repository.create(tmp_path / "repository")
    text = CONFIGURATION.format(*(bucket.name for bucket in buckets))
    repository.commit("one", {".buildkite/shipping.yml": text})
    repository.git("config", "user.name", "Ada")
    monkeypatch.chdir(repository.root)
    for name in ("BUILDKITE_UNBLOCKER", "BUILDKITE_BUILD_CREATOR", ENDPOINT, TOKEN):
        monkeypatch.delenv(name, raising=False)
    for name, value in objects.environment.items():
        monkeypatch.setenv(name, value)
    return repository


def test_regions_are_locked_with_a_reason_and_unlocked(
    buckets: list[Bucket], capsys: pytest.CaptureFixture[str]
) -> None:
    """Who, why and since when are read by whoever comes next."""
    assert run(["lock", "--all", "--reason", "mail is late"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "us: locked by Ada: mail is late",
        "eu: locked by Ada: mail is late",
    ]
    assert run(["lock", "--region", "eu", "--reason", "mine"]) == 1
    assert "eu: unchanged: locked already by Ada since" in capsys.readouterr().out

    assert run(["unlock", "--region", "us", "--reason", "it came", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["environments"]
    assert (told["environment"], told["changed"], told["lock"]) == ("us", True, None)
    assert run(["unlock", "--region", "us"]) == 1
    assert "us: unchanged: the lane is not locked" in capsys.readouterr().out
    history = Ledger(buckets[0], app="inbox", environment="us").history()
    assert [(one.transition.kind, one.reason) for one in history] == [("lock", "mail is late"), ("unlock", "it came")]


def test_unlock_lets_go_the_builds_that_wait_or_says_what_is_left_to_do(
    root: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where Buildkite cannot be asked the lane is unlocked all the same, and unlocking again tries again."""
    run(["lock", "--region", "us", "--reason", "x"])
    capsys.readouterr()
    assert run(["unlock", "--region", "us"]) == 0
    by_hand = "  if a build of 'inbox-deploy-us' waits for this, unblock the newest one"
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{by_hand} (with BUILDKITE_API_TOKEN")

    text = (root.root / ".buildkite/shipping.yml").read_text()
    root.commit("named", {".buildkite/shipping.yml": f"{text}buildkite: {{organization: local}}\n"})
    run(["lock", "--region", "us", "--reason", "x"])
    with running(tmp_path / "state") as info:
        monkeypatch.setenv(ENDPOINT, f"{info.url}/v2/")
        monkeypatch.setenv(TOKEN, info.api_token)
        capsys.readouterr()
        assert run(["unlock", "--region", "us"]) == 1
        unlocked, left = capsys.readouterr().out.splitlines()
        assert unlocked == "us: unlocked"
        assert left.startswith(f"{by_hand}: cannot GET")

        with opened("local", os.environ) as organization:
            waiting(organization, "locked-us-1")
        assert run(["unlock", "--region", "us", "--json"]) == 1
        (told,) = json.loads(capsys.readouterr().out)["environments"]
        assert (told["changed"], told["unblocked"], told["left"]) == (False, [1], None)
        assert run(["unlock", "--region", "us"]) == 1
        assert capsys.readouterr().out == "us: unchanged: the lane is not locked\n"


def test_inside_a_build_it_is_whoever_started_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUILDKITE_BUILD_CREATOR", "Grace")

    run(["lock", "--region", "us", "--reason", "x"])

    assert "locked by Grace" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lock", "--reason", "x"], "cannot tell which regions are meant"),
        (["unlock", "--all", "--region", "us"], "cannot tell which regions are meant"),
        (["lock", "--region", "uss", "--reason", "x"], "did you mean 'us'?"),
        (["lock", "--region", "au", "--reason", "x"], "cannot find the region 'au'"),
        (["lock", "--region", "us", "--reason", " "], "cannot lock without a reason"),
        (["lock", "--region", "us"], "Missing option '--reason'"),
        (["status", "--region", "xx"], "cannot find the region 'xx', there is us, eu"),
    ],
)
def test_what_is_not_said_clearly_is_not_done(
    words: list[str], told: str, buckets: list[Bucket], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert told in capsys.readouterr().err
    assert list(buckets[0].list("")) == []


def test_a_region_that_cannot_be_reached_keeps_no_other_from_being_locked(
    root: Repository, buckets: list[Bucket], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named; the exit status says that something is open."""
    text = CONFIGURATION.format("no-such-bucket", buckets[1].name)
    root.commit("elsewhere", {".buildkite/shipping.yml": text})

    assert run(["lock", "--all", "--reason", "x"]) == 2
    us, *_, eu = capsys.readouterr().out.splitlines()
    assert us.startswith("us: cannot read 'inbox/lanes/us.json' in bucket 'no-such-bucket'")
    assert eu == "eu: locked by Ada: x"
    assert run(["status"]) == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith("  locked by Ada since")


def test_status_says_what_is_wanted_since_when_and_who_stopped_it(
    buckets: list[Bucket], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status"]) == 0
    assert capsys.readouterr().out == "us: wants nothing yet\neu: wants nothing yet\n"

    ledger = Ledger(buckets[0], app="inbox", environment="us")
    wanted = Wanted(commit=commit(7), slug="7" * 64, position=7)
    act = named("deploy-7", "build 3 of inbox-deploy-us")
    ledger.change(act, lambda lane: machine.flip(lane, wanted, act))
    run(["lock", "--region", "us", "--reason", "x"])
    capsys.readouterr()
    assert run(["status", "--region", "us"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        rf"us: wants {commit(7)[:12]} \(position 7\), since 2026-01-01T00:00:00.000Z \(\d+ d ago\), by ann,"
        r" build 3 of inbox-deploy-us",
        lines[0],
    )
    assert re.match(r"  locked by Ada since \S+Z \(\d+ s ago\): x", lines[1])
    assert lines[2] == "  not live: the deploy command runs, or was lost; what it brought there last is nothing"

    run(["status", "--json"])
    us, eu = json.loads(capsys.readouterr().out)["environments"]
    assert (us["pointer"]["commit"], us["lock"]["who"], us["since"]) == (commit(7), "Ada", act.at)
    assert [one["kind"] for one in us["transitions"]] == ["flip", "lock"]
    assert (eu["pointer"], eu["lock"], eu["error"]) == (None, None, None)


def test_status_says_how_the_hosts_of_a_fleet_are_and_what_waits(
    root: Repository, buckets: list[Bucket], capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted by what they acknowledged; the one that failed says why, in its own words."""
    fleet = "fleet: {hosts: [web-1, web-2]}"
    text = CONFIGURATION.format(*(bucket.name for bucket in buckets)).replace("deploy: {command: bin/go}", fleet, 1)
    root.commit("fleet", {".buildkite/shipping.yml": f"{text}processes: {{web: {{command: bin/start}}}}\n"})
    act = named("deploy-7", "build 3 of inbox-deploy-us")
    wanted = Wanted(commit=commit(7), slug="7" * 64, position=7)
    ledger = Ledger(buckets[0], app="inbox", environment="us")
    ledger.change(act, lambda lane: machine.flip(lane, wanted, act), hosts=("web-1", "web-2"))
    token = ledger.read().token
    buckets[0].create(keys.acks("inbox", "us", token, "complete", "web-1"), b"")
    buckets[0].create(keys.acks("inbox", "us", token, "failed", "web-2"), b"")
    why = "cannot use layer 'app': its digest is 'f'"
    beacon = Beacon(host="web-2", environment="us", runs=None, wanted=token, reached="failed", why=why, at=act.at)
    buckets[0].create(keys.beacon("inbox", "us", "web-2"), beacon.encode())
    buckets[0].create(keys.cleared("inbox", 9, commit(9)), b"")

    assert run(["status", "--region", "us"]) == 0

    assert capsys.readouterr().out.splitlines()[1:] == [
        "  hosts: 1 complete, 1 failed (of 2 counted and in service; 0 may fail or stay silent)",
        f"    web-2 failed: {why}; runs nothing, said so at {act.at}",
        f"  pending: 1 cleared release is newer, the newest {commit(9)[:12]} (position 9)",
    ]
    run(["status", "--region", "us", "--json"])
    (told,) = json.loads(capsys.readouterr().out)["environments"]
    assert (told["by"], told["hosts"]["failed"], told["pending"][0]["position"]) == ("ann", ["web-2"], 9)
