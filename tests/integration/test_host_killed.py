"""`kill -9` of a real daemon at each named transition: no half state, and the next daemon of the host finishes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import SystemClock
from shipping.host.noted import BOOT_ID
from shipping.host.points import POINTS, Point
from shipping.host.running import only_one
from tests.shipping.host.site import ENVIRONMENT, Machine, Site, open_site
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.local.objects import ObjectServer

ROOT = Path(__file__).parent.parent.parent
COMPLETE = ["complete", "fetched", "serving", "triggered"]
OF_A_FAILURE: set[Point] = {"failed-kept", "failed-acked"}
OF_DROPPING: set[Point] = {"trashed", "swept"}
OF_A_DEPLOY = [point for point in POINTS if point not in OF_A_FAILURE | OF_DROPPING]


@pytest.fixture
def site(objects: ObjectServer, tmp_path: Path) -> Iterator[Site]:
    with open_site(objects, tmp_path) as site:
        yield site


@pytest.mark.parametrize("point", OF_A_DEPLOY)
def test_killed_in_a_deploy(site: Site, objects: ObjectServer, point: Point) -> None:
    """What serves is always a whole release; the next daemon completes the deploy, and the fleet is told everything."""
    host = started(site)
    pointer = site.flip(site.publish())

    killed = follow(site, objects, kill=point)

    assert killed.returncode == -signal.SIGKILL
    assert set(host.serves()) <= {"print(1)", "print(2)"}
    assert host.serves() != []
    assert all(whole(host, slug) for slug in host.kept())

    go_on(host)
    assert host.serves() == ["print(2)"]
    assert site.acks(pointer) == COMPLETE
    beacon = site.beacon()
    assert beacon.runs is not None
    assert beacon.runs.token == pointer.token
    assert list((host.folder / "incoming").iterdir()) == []
    assert list((host.folder / "trash").iterdir()) == []
    assert list((host.folder / "blobs").glob("*.part")) == []


@pytest.mark.parametrize("point", sorted(OF_A_FAILURE))
def test_killed_in_a_failure(site: Site, objects: ObjectServer, point: Point) -> None:
    """The old release serves on, and the fleet learns of the failure all the same."""
    host = started(site)
    pointer = site.flip(site.publish(breaks=True))

    assert follow(site, objects, kill=point).returncode == -signal.SIGKILL
    go_on(host)

    assert host.serves() == ["print(1)"]
    assert site.acks(pointer) == ["failed", "fetched", "triggered"]


@pytest.mark.parametrize("point", sorted(OF_DROPPING))
def test_killed_while_it_makes_room(site: Site, objects: ObjectServer, point: Point) -> None:
    """What is dropped is gone as a whole, and its room is freed by the next daemon."""
    host = started(site)
    left = host.folder / "incoming" / ("f" * 64)  # of a daemon before, killed in the middle of a fetch
    left.mkdir()
    (left / "half").write_text("x")

    assert follow(site, objects, kill=point).returncode == -signal.SIGKILL
    assert host.serves() == ["print(1)"]
    go_on(host)

    assert list((host.folder / "incoming").iterdir()) == []
    assert list((host.folder / "trash").iterdir()) == []


def test_not_killed(site: Site, objects: ObjectServer) -> None:
    """The program itself deploys when nobody kills it."""
    host = started(site)
    pointer = site.flip(site.publish())

    assert follow(site, objects).returncode == 0
    assert host.serves() == ["print(2)"]
    assert site.acks(pointer) == COMPLETE


def test_two_daemons_on_one_host(site: Site, objects: ObjectServer) -> None:
    """The second one is refused: the folder has one writer."""
    host = Machine(site=site)
    with only_one(host.folder):
        refused = follow(site, objects)

    assert refused.returncode != 0
    assert "another daemon runs there" in refused.stderr


def started(site: Site) -> Machine:
    """Return a host that runs a first release, by this machine's own clock and boot."""
    host = Machine(site=site, clock=SystemClock(), boot=BOOT_ID.read_text().strip())
    site.flip(site.publish())
    go_on(host)
    assert host.serves() == ["print(1)"]
    return host


def go_on(host: Machine) -> None:
    """Start the host's next daemon, and let it do what is to be done."""
    daemon = host.start()
    for _ in range(6):
        daemon.turn()


def whole(host: Machine, slug: str) -> bool:
    """Tell whether a kept release has all that it should have."""
    folder = host.folder / "releases" / slug
    return (folder / "manifest.json").exists() and (folder / "tree/vendor/blob.bin").stat().st_size == 102_400


def follow(site: Site, objects: ObjectServer, *, kill: str = "never") -> subprocess.CompletedProcess[str]:
    """Run the host's daemon until it has nothing to do any more, or is killed."""
    site.folder.mkdir(exist_ok=True)
    file = site.folder / "host.toml"
    facts = {
        "app": APP,
        "environment": ENVIRONMENT,
        "bucket": site.bucket.name,
        "folder": str(site.folder / "host-1"),
        "host": "host-1",
        "endpoint": objects.url,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in facts.items()]
    file.write_text("\n".join([*lines, "spread = 0", "poll = 0.05"]))
    return subprocess.run(
        [sys.executable, "-m", "tests.integration.killed_daemon", str(file), kill],
        env={**os.environ, **objects.environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
