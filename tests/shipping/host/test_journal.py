"""What a host remembers is what it tells, in that order, and again after its daemon's death."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import ManualClock
from shipping.host.journal import Journal
from shipping.host.points import nowhere
from shipping.host.reports import Reports
from shipping.memory import MemoryStore
from shipping.records.lane import Token

if TYPE_CHECKING:
    from pathlib import Path

FIRST = Token(epoch=1, counter=1)


def journal(folder: Path, store: MemoryStore, said: list[str] | None = None) -> Journal:
    lines = [] if said is None else said
    return Journal(
        folder / "memory.json",
        Reports(store, app="inbox", environment="us", host="host-1", say=lines.append),
        host="host-1",
        environment="us",
        boot="boot-1",
        clock=ManualClock(),
        say=lines.append,
        at=nowhere,
    )


def acks(store: MemoryStore) -> list[str]:
    return [key.split("/")[-2] for key in store.list(f"inbox/acks/us/{FIRST}/")]


def test_what_was_reached_is_told_again_by_the_next_daemon(tmp_path: Path) -> None:
    """The one before may have died between its disk and S3."""
    before = journal(tmp_path, MemoryStore())
    before.notice(FIRST, FIRST)
    before.reach("fetched")
    store = MemoryStore()

    after = journal(tmp_path, store)
    after.flush()

    assert after.memory == before.memory
    assert acks(store) == ["fetched"]


def test_a_token_that_cannot_be_written_is_not_begun_with(tmp_path: Path) -> None:
    """Else a later daemon might take an older lane."""
    folder = tmp_path / "gone"
    folder.mkdir()
    store = MemoryStore()
    one = journal(folder, store)
    folder.rmdir()

    with pytest.raises(OSError, match="No such file"):
        one.notice(FIRST, FIRST)

    assert one.memory.token is None
    assert acks(store) == []


def test_a_trouble_is_said_once(tmp_path: Path) -> None:
    """As long as it is the same."""
    said: list[str] = []
    one = journal(tmp_path, MemoryStore(), said)

    for line in ("no room", "no room", "away"):
        one.complain(line)

    assert said == ["no room", "away"]
