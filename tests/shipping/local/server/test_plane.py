"""The plane commits before it shows: what the ledger did not take has not happened."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import ManualClock
from pipeline_gen.errors import InfraError
from pipeline_gen.shell import LocalShell
from shipping.local.engine.environment import Site
from shipping.local.engine.events import AgentPinged, AgentRegistered, BuildCreated, JobAccepted
from shipping.local.engine.records import Agent, Author, Pipeline
from shipping.local.engine.rejection import Rejection
from shipping.local.ledger.ledger import Ledger
from shipping.local.server.plane import Pace, Plane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIPELINE = Pipeline(id=str(uuid.UUID(int=1)), slug="inbox", name="inbox", repository="r")
SITE = Site(url="http://127.0.0.1:1", organization="local")


def opened(folder: Path) -> Plane:
    ledger = Ledger(folder / "ledger.sqlite3")
    return Plane(ledger=ledger, site=SITE, folder=folder, clock=ManualClock(), shell=LocalShell(), pace=Pace())


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    found = opened(tmp_path)
    yield found
    found.ledger.close()


def build(plane: Plane, jobs: int = 1, **meta_data: str) -> BuildCreated:
    return BuildCreated(
        at=plane.now(),
        id=plane.draw_id(),
        pipeline=PIPELINE,
        document={"steps": [{"command": "x", "parallelism": jobs}]},
        branch="main",
        commit="HEAD",
        message="m",
        author=Author(),
        meta_data=meta_data,
    )


def test_a_full_disk_changes_nothing_and_ends_with_the_next_room(plane: Plane) -> None:
    """The transition is whole or not at all, in memory as on disk; the build's number is not lost."""
    plane.apply(build(plane, k="v"))
    before = plane.state
    pages = plane.ledger.database.rows("PRAGMA page_count")[0][0]
    plane.ledger.database.run(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(InfraError, match="full"):
        plane.apply(build(plane, 400, k="v"))

    assert plane.state is before
    assert plane.ledger.records.load().builds == before.builds
    plane.ledger.database.run("PRAGMA max_page_count = 1000000")
    plane.apply(build(plane, 400, k="v"))
    assert [one.number for one in plane.state.builds.values()] == [1, 2]


def test_what_is_rejected_is_not_written(plane: Plane) -> None:
    before = plane.state

    with pytest.raises(Rejection):
        plane.apply(build(plane, 501))

    assert (plane.state, plane.ledger.records.load()) == (before, before)


def test_what_is_written_is_what_is_shown(plane: Plane, tmp_path: Path) -> None:
    """Another plane on the same ledger begins where this one stands."""
    plane.apply(build(plane, 2, k="v"))
    agent = Agent(id=plane.draw_id(), name="a", registered_at=plane.now())
    plane.apply(AgentRegistered(at=plane.now(), agent=agent))
    plane.apply(AgentPinged(at=plane.now(), agent=agent.id))
    held = plane.state.agents[agent.id].job
    assert held is not None
    plane.apply(JobAccepted(at=plane.now(), job=held, agent=agent.id))

    other = opened(tmp_path)

    assert other.state == plane.state
    assert other.ledger.meta_data.all(next(iter(other.state.builds))) == {"k": "v"}
    other.ledger.close()
