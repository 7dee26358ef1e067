"""The rooms of the ledger, each on its own, with a real database."""

from __future__ import annotations

import contextlib
import gzip
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

from shipping.local.engine.commands import Notify
from shipping.local.engine.records import Notification, State
from shipping.local.ledger.artifacts import glob
from shipping.local.ledger.ledger import Ledger
from shipping.local.ledger.logs import CHUNK_LIMIT, inflate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite3")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("a.txt", "a.txt", True),
        ("a.txt", "aXtxt", False),
        ("*.xml", "deep/er/a.xml", True),
        ("out/*", "out/deep/a", True),
        ("out/*", "other/out/a", False),
        ("**/*.log", "x/y/z.log", True),
        ("./a/?.txt", "a/b.txt", True),
        ("{a,b.c}.txt", "b.c.txt", True),
        ("{a,b}.txt", "c.txt", False),
        ("[a].txt", "[a].txt", True),
        ("", "a", False),
    ],
)
def test_artifact_globs(pattern: str, path: str, matches: bool) -> None:  # noqa: FBT001 - a table
    """The star matches over the whole path, as Buildkite's does on download."""
    assert (glob(pattern).fullmatch(path) is not None) == matches


def test_a_glob_never_takes_long() -> None:
    """No pattern makes the server busy for ever."""
    assert glob("*" * 500 + "b").fullmatch("a" * 5000) is None
    assert glob("*a" * 200).fullmatch("a" * 5000 + "b") is None
    assert glob("*a" * 200).fullmatch("a" * 5000) is not None


def test_a_transaction_is_whole_or_not_at_all(ledger: Ledger) -> None:
    """Also one inside another."""
    with contextlib.suppress(RuntimeError), ledger.database.transaction():
        ledger.settings.put("a", "1")
        ledger.meta_data.set("build", {"k": "v"})
        raise RuntimeError

    assert (ledger.settings.get("a"), ledger.meta_data.all("build")) == (None, {})


def test_what_was_drawn_once_stays(ledger: Ledger) -> None:
    assert ledger.settings.drawn("token", lambda: "first") == "first"
    assert ledger.settings.drawn("token", lambda: "second") == "first"


def test_the_end_of_a_log(ledger: Ledger) -> None:
    """Whole pieces, at least as much as was asked for, and whether there is more."""
    for sequence in (3, 1, 2):
        text = f"{sequence}" * 100
        ledger.logs.add("b", "j", sequence=sequence, body=gzip.compress(text.encode()), text_size=100)
    ledger.logs.note("b", "j", "our own line")

    assert ledger.logs.tail("j", 50) == (b"3" * 100 + b"\nour own line\n", True)
    assert ledger.logs.tail("j", 150) == (b"2" * 100 + b"3" * 100 + b"\nour own line\n", True)
    assert ledger.logs.tail("j", 250)[1] is False
    assert ledger.logs.tail("j", 9999) == (ledger.logs.read("j"), False)
    ledger.logs.clear("j")
    assert ledger.logs.read("j") == b""


def test_a_chunk_is_gzip_whole_and_not_too_large() -> None:
    assert inflate(gzip.compress(b"x")) == b"x"
    assert inflate(gzip.compress(b"x" * CHUNK_LIMIT)) == b"x" * CHUNK_LIMIT
    assert inflate(gzip.compress(b"x" * (CHUNK_LIMIT + 1))) is None
    assert inflate(gzip.compress(b"x")[:-1]) is None
    assert inflate(b"x") is None
    assert inflate(b"") is None


def test_a_forgotten_build_leaves_no_row(ledger: Ledger, tmp_path: Path) -> None:
    """In any table that knows builds."""
    ledger.meta_data.set("b", {"k": "v"})
    ledger.logs.add("b", "j", sequence=1, body=gzip.compress(b"x"), text_size=1)
    ledger.logs.note("b", "j", "x")
    ledger.notifications.add(Notification(build="b", event="build.finished", channel="email a@example.com"))
    ledger.records.forget("b")

    with sqlite3.connect(tmp_path / "ledger.sqlite3") as other:
        schema = other.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        of_builds = [name for name, sql in schema if re.search(r"\bbuild TEXT", sql)]
        counts = [other.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in of_builds]  # noqa: S608
    other.close()
    kept = ["annotations", "artifacts", "log_chunks", "log_notes", "meta_data", "notifications", "records"]
    assert kept == sorted(of_builds)
    assert counts == [0] * 7


def test_notifications_come_in_their_order_and_go_with_their_build(ledger: Ledger) -> None:
    one = Notification(build="b", event="build.failing", channel="email a@example.com", at=1.0)
    two = Notification(build="b", step="s", event="step.finished", channel="slack #ship", message="look", at=2.0)
    other = Notification(build="c", event="build.finished", channel="email a@example.com", at=3.0)
    ledger.carry_out([Notify(notification=each) for each in (one, two, other)], State())

    assert ledger.notifications.of_build("b") == [one, two]
    ledger.records.forget("b")
    assert ledger.notifications.of_build("b") == []
    assert ledger.notifications.of_build("c") == [other]


def test_what_belongs_to_something_goes_with_it(ledger: Ledger) -> None:
    """A cluster with its queues; a pipeline's settings, schedules and places in teams; nothing of another."""
    registry = ledger.registry
    for cluster in ("c1", "c2"):
        registry.put("cluster", cluster, {"id": cluster})
        registry.put("queue", f"{cluster}-q", {"key": "q"}, parent=cluster)
    for slug, pipeline in (("inbox", "p1"), ("outbox", "p2")):
        registry.put("settings", slug, {"tags": ["a"]})
        registry.put("schedule", f"{slug}-s", {"label": "s"}, parent=slug)
        registry.put("team_pipeline", f"t/{pipeline}", {"pipeline_id": pipeline}, parent="t")

    registry.remove("cluster", "c1")
    registry.forget_pipeline("inbox", "p1")

    assert [registry.get("queue", f"{cluster}-q") for cluster in ("c1", "c2")] == [None, {"key": "q"}]
    assert registry.get("queue", "c2-q", parent="c1") is None
    assert (registry.get("settings", "inbox"), registry.get("settings", "outbox")) == (None, {"tags": ["a"]})
    assert (registry.all("schedule", parent="inbox"), len(registry.all("schedule", parent="outbox"))) == ([], 1)
    assert registry.all("team_pipeline", parent="t") == [{"pipeline_id": "p2"}]
