"""`kill -9` of the jobs that clear and deploy, at each of their writes and within each command: tried again, one end.

The transitions are those of docs/deploy.md, under the same names.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_gen.config import resolved
from shipping.lane import keys as lanes
from shipping.lane import machine
from shipping.processes.keeper import process_start
from shipping.records.following import Following
from shipping.release import keys
from shipping.release.deploy import Deployed
from shipping.release.following import announce
from shipping.signing import Signer
from shipping.signing.private import FileKey
from shipping.slug import clearances
from tests.shipping.release.scene import APP, Scene, commit, named, opened
from tests.shipping.release.test_fleets import TAGGED, ack, followed, rolling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shipping.local.objects import ObjectServer

CONCLUDE = {
    "clearance written": "*/clearances/*.json",
    "clearance signed": "*/clearances/*.sig",
    "clearance listed": "*/cleared/*",
    "outcome written": "*/outcome/*",
}
DEPLOY = {
    "before written down": "*/before/*",
    "lane flipped": "*/lanes/*",
    "flip copied": "*/history/*",
    "command written down": "*/deploys/*",
}
ROOT = Path(__file__).parent.parent.parent
MOMENTS = ("before", "after")
SECONDS = 60.0


@pytest.fixture
def scene(objects: ObjectServer, tmp_path: Path) -> Iterator[Scene]:
    with opened(objects, tmp_path, before="bin/before {commit}") as scene:
        scene.signer = Signer(app=APP, purpose="clearance", key=FileKey.generate(tmp_path / "clearance.pem"))
        yield scene


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("transition", CONCLUDE)
def test_killed_while_it_concludes(scene: Scene, objects: ObjectServer, transition: str, moment: str) -> None:
    """What is cleared is cleared whole; concluded again every region has the one clearance, and one outcome counts."""
    scene.build(1)
    scene.verdict(1)

    assert killed(scene, objects, "conclude", CONCLUDE[transition], moment)
    outcomes = keys.numbered(scene.home, keys.outcomes(APP, commit(1)))
    assert bool(outcomes) == (transition == "outcome written" and moment == "after")

    assert scene.conclude(1).outcome.result == "cleared"
    for bucket in scene.regions.values():
        assert clearances.read(bucket, APP, commit(1)) is not None
        assert bucket.size(f"{lanes.clearance(APP, commit(1))}.sig") is not None
        assert list(bucket.list(lanes.cleared(APP))) == [lanes.cleared(APP, 1, commit(1))]
    bodies = {bucket.get(lanes.clearance(APP, commit(1))) for bucket in scene.regions.values()}
    assert len({stored.body for stored in bodies if stored is not None}) == 1


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("transition", DEPLOY)
def test_killed_while_it_deploys(scene: Scene, objects: ObjectServer, transition: str, moment: str) -> None:
    """One flip, one entry of it, its command brought to success; never a command without its flip."""
    scene.clear(1)

    assert killed(scene, objects, "deploy", DEPLOY[transition], moment)
    flipped = scene.ledger().read().pointer is not None
    assert flipped == (transition in {"flip copied", "command written down"} or (transition, moment) == AFTER_THE_FLIP)
    assert flipped or "bin/go" not in str(scene.said)

    done = scene.deploy(1)
    assert isinstance(done, Deployed)
    assert done.run.status == 0
    lane = scene.ledger().read()
    assert [one.id for one in lane.transitions] == ["deploy-1"]
    assert [entry.transition.token for entry in scene.ledger().history()] == [lane.token]
    ran = [line.split()[0] == "before" for line in scene.log]
    assert ran.count(True) == (2 if (transition, moment) == ("before written down", "before") else 1)
    assert ran.count(False) == (2 if (transition, moment) == ("command written down", "before") else 1)


AFTER_THE_FLIP = ("lane flipped", "after")


def test_what_a_dead_deploy_owes_is_written_by_whoever_is_next(scene: Scene, objects: ObjectServer) -> None:
    """Killed between the flip and its copy; a lock comes, and the history has both. The retry goes on all the same."""
    scene.clear(1)
    assert killed(scene, objects, "deploy", DEPLOY["lane flipped"], "after")

    scene.ledger().change(named("hold"), lambda lane: machine.lock(lane, named("hold")))
    assert [entry.transition.id for entry in scene.ledger().history()] == ["deploy-1", "hold"]

    assert isinstance(scene.deploy(1), Deployed)
    assert [line.split()[0] for line in scene.log].count("before") == 1


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("transition", ["lane flipped", "flip copied"])
def test_killed_while_it_flips_a_fleet(scene: Scene, objects: ObjectServer, transition: str, moment: str) -> None:
    """The retry waits for the hosts of the flip."""
    scene.in_service = ("i-1", "i-2")
    rolling(scene, TAGGED)
    assert killed(scene, objects, "deploy", DEPLOY[transition], moment)
    ack(scene, 1, "triggered", ["i-1", "i-2"])

    done = followed(scene.deploy(1))

    assert done.waited.count.begun == {"i-1", "i-2"}
    assert len(scene.ledger().read().transitions) == 1
    assert [entry.hosts for entry in scene.ledger().history()] == [("i-1", "i-2")]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_it_names_what_is_next(scene: Scene, objects: ObjectServer, moment: str) -> None:
    """The retry names it; an older release never takes its place."""
    assert killed(scene, objects, "announce", "*/next/*", moment, position=2)

    for position in (2, 1):
        announce(scene.regions["us"], APP, "us", Following(commit=commit(position), slug="f" * 64, position=position))
    stored = scene.regions["us"].get(lanes.following(APP, "us"))
    assert stored is not None
    assert Following.decode(stored.body, where="next").position == 2


@pytest.mark.parametrize("command", ["before", "deploy"])
def test_killed_while_a_command_runs(scene: Scene, objects: ObjectServer, command: str) -> None:
    """It dies with the job, and the retry runs it again from its beginning, told the same."""
    scene.clear(1)
    pid = scene.folder / f"{command}.pid"
    scene.env["HANG"] = str(pid)
    with job(scene, objects, "deploy", "none", "never") as running:
        until(lambda: pid.exists() and pid.read_text().strip() != "")
        victim = int(pid.read_text())
        assert process_start(victim) is not None
        running.kill()
    until(lambda: process_start(victim) is None)
    scene.env.clear()
    assert (scene.ledger().read().pointer is not None) == (command == "deploy")

    done = scene.deploy(1)

    assert isinstance(done, Deployed)
    assert done.run.status == 0
    hung = [line for line in scene.log if line.startswith("before") == (command == "before")]
    assert len(hung) == 2
    assert hung[0] == hung[1]
    assert len(scene.ledger().history()) == 1


def killed(scene: Scene, objects: ObjectServer, name: str, key: str, moment: str, *, position: int = 1) -> bool:
    """Tell whether the job was killed there, rather than that it came to its end."""
    with job(scene, objects, name, key, moment, position=position) as running:
        running.wait(SECONDS)
    return running.returncode == -signal.SIGKILL


def job(
    scene: Scene, objects: ObjectServer, name: str, key: str, moment: str, *, position: int = 1
) -> subprocess.Popen[bytes]:
    given: dict[str, Any] = {
        "job": name,
        "position": position,
        "key": key,
        "moment": moment,
        "buckets": [bucket.name for bucket in scene.shop.buckets],
        "root": str(scene.shop.root),
        "folder": str(scene.folder),
        "private": str(scene.folder / "clearance.pem"),
        "config": resolved(scene.config),
        "env": scene.env,
        "attempts": 100,  # its folders are not those of the retry
        "in_service": scene.in_service,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.killed_deploy", json.dumps(given)],
        env={**os.environ, **objects.environment},
        cwd=ROOT,
    )


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
