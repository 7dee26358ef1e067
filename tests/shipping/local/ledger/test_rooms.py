"""The rooms of the ledger, each on its own, with a real database."""

from __future__ import annotations

import contextlib
import gzip
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipping.local.engine.commands import Notify
from shipping.local.engine.records import Notification, State
from shipping.local.ledger.artifacts import glob
from shipping.local.ledger.ledger import Ledger
from shipping.local.ledger.logs import CHUNK_LIMIT, Window, inflate

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
    """Whole pieces, at least as much as was asked for, the number of the first line, and whether there is more."""
    for sequence in (3, 1, 2):
        chunk(ledger, sequence, f"{sequence}" * 99 + "\n")
    ledger.logs.note("b", "j", "our own line")
    one, two, three = (f"{sequence}".encode() * 99 + b"\n" for sequence in (1, 2, 3))
    own = b"our own line\n"

    assert ledger.logs.window("j", 50) == Window(text=three + own, first=3, before=True, after=False)
    assert ledger.logs.window("j", 150) == Window(text=two + three + own, first=2, before=True, after=False)
    assert ledger.logs.window("j", 250) == Window(text=one + two + three + own, first=1, before=False, after=False)
    assert ledger.logs.window("j", 9999).text == ledger.logs.read("j")
    ledger.logs.clear("j")
    assert ledger.logs.read("j") == b""
    assert ledger.logs.window("j", 9999) == Window(text=b"", first=1, before=False, after=False)


@given(
    pieces=st.lists(st.text(alphabet="ab\n", max_size=8), max_size=12),
    most=st.integers(0, 60),
    line=st.integers(1, 40) | st.none(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_window_is_a_stretch_of_the_log_that_knows_its_place(
    ledger: Ledger, pieces: list[str], most: int, line: int | None
) -> None:
    """However the log was cut into pieces: the text stands where its first line's number says, and holds the line."""
    ledger.logs.clear("j")
    for sequence, text in enumerate(pieces, 1):
        chunk(ledger, sequence, text)
    whole = "".join(pieces)

    window = ledger.logs.window("j", most, line=line)

    text = window.text.decode()
    place = whole.find(text) if not window.after else len(whole) - len(text)
    starts = [
        at for at in range(len(whole) + 1) if whole.startswith(text, at) and whole[:at].count("\n") + 1 == window.first
    ]
    assert place >= 0
    assert starts
    assert window.before or 0 in starts
    assert window.after or whole.endswith(text)
    if line is not None and line <= whole.count("\n") + 1:
        assert window.first <= line <= window.first + text.count("\n")


def chunk(ledger: Ledger, sequence: int, text: str) -> None:
    body = gzip.compress(text.encode())
    ledger.logs.add("b", "j", sequence=sequence, body=body, text_size=len(text), lines=text.count("\n"))


def test_a_ledger_from_before_lines_were_counted(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite3") as old:
        old.execute("CREATE TABLE log_chunks (job TEXT, sequence INTEGER, build TEXT, size INTEGER, body BLOB)")
        old.execute("INSERT INTO log_chunks VALUES ('j', 1, 'b', 4, ?)", (gzip.compress(b"old\n"),))
    old.close()
    ledger = Ledger(tmp_path / "old.sqlite3")

    assert ledger.logs.window("j", 9) == Window(text=b"old\n", first=1, before=False, after=False)
    ledger.close()


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
