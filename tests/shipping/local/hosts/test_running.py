"""What a host runs, told by its own notes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shipping.local.hosts.published import published
from shipping.local.hosts.running import Running, running
from tests.shipping.local.hosts.site import COMMIT, open_site, publish

if TYPE_CHECKING:
    from pathlib import Path


def test_a_host_without_a_release_runs_nothing(tmp_path: Path) -> None:
    """Nobody has rolled anything out there."""
    assert running(tmp_path) == Running()


def test_what_serves_is_told_with_its_groups_and_since_when(tmp_path: Path) -> None:
    """Each group with its commit, its phase and the file it prints to."""
    with open_site(tmp_path) as site:
        group = site.start("sh", "-c", "echo here; exec sleep 600")
        site.remember("fetched", "triggered", "serving", "complete")

        found = running(site.place.srv)

        assert (found.commit, found.roll, found.why) == (COMMIT, "complete", "")
        assert [(one.id, one.process, one.commit, one.phase) for one in found.groups] == [
            (group, "worker", COMMIT, "serving")
        ]
        assert found.since is not None
        assert datetime.fromisoformat(found.since) < datetime.now(UTC)


def test_a_roll_that_failed_says_why(tmp_path: Path) -> None:
    """What served before serves on."""
    with open_site(tmp_path) as site:
        site.remember("triggered", "failed", why="it does not boot")

        found = running(site.place.srv)

        assert (found.commit, found.roll, found.why) == (COMMIT, "failed", "it does not boot")


def test_notes_that_cannot_be_read_are_told_and_hide_nothing_else(tmp_path: Path) -> None:
    """The groups are there whatever the daemon's memory says."""
    with open_site(tmp_path) as site:
        site.start("sleep", "600")
        (site.place.srv / "memory.json").write_text("{")

        found = running(site.place.srv)

        assert "it is damaged" in found.why
        assert len(found.groups) == 1


def test_hosts_are_published_with_the_world_and_gone_with_it(tmp_path: Path) -> None:
    """No world, no hosts; one that runs tells of each."""
    assert published(tmp_path) == ()
    with open_site(tmp_path) as site:
        publish(tmp_path, site)

        (found,) = published(tmp_path)

        assert (found.app, found.region, found.name, found.pid) == ("inbox", "us", "us-1", 77)
        assert found.folder == site.place.srv
