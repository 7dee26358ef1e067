"""What customers saw beside what the application kept: nothing that went wrong passes for well."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from shipping.demo.load import Counted, Failure
from shipping.demo.traffic import Kept, Traffic, kept, tally
from tests.shipping.demo.test_load import always, serving

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.demo.traffic import Tally

FAILURE = Failure(at=0.0, what="GET /version", why="status 502")


def judged(comments: list[str], deliveries: tuple[int, ...], *failures: Failure) -> Tally:
    """Tally two hosts whose customers wrote `a` and `b` at the one, `c` at the other."""
    counted = [
        Counted(seconds=[0.2, 0.1, 0.3], sent=5, fresh=3, reused=2, posted=["a", "b"], failures=list(failures)),
        Counted(sent=4, posted=["c"]),
    ]
    return tally(counted, Kept(comments=Counter(comments), deliveries=deliveries))


def test_every_comment_once_and_sent_on_once_is_well() -> None:
    """The sums of all hosts."""
    found = judged(["a", "b", "c"], (1, 1, 1))

    assert found.ok
    assert (found.sent, found.fresh, found.reused, found.comments) == (9, 3, 2, 3)
    assert (found.within(0.5), found.within(0.99)) == ("200 ms", "300 ms")


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (judged(["a", "b", "c"], (1, 1, 1), FAILURE), "GET /version: status 502"),
        (judged(["a", "b"], (1, 1)), "lost 1, written twice 0"),
        (judged(["a", "b", "c", "c"], (1, 1, 1, 1)), "lost 0, written twice 1"),
        (judged(["a", "b", "c"], (1, 1, 0)), "left behind 1, sent twice 0"),
        (judged(["a", "b", "c"], (1, 2, 1)), "left behind 0, sent twice 1"),
    ],
)
def test_anything_else_is_not(found: Tally, line: str) -> None:
    """A failed request, a comment lost or doubled, one not sent on or sent on twice: each by name."""
    assert not found.ok
    assert any(line in one for one in found.lines())


def test_what_is_kept_is_read_when_all_was_sent_on(tmp_path: Path) -> None:
    """How often each was: attempts that came to nothing do not count as sent."""
    with closing(sqlite3.connect(tmp_path / "inbox.sqlite3")) as connection, connection:
        connection.execute("CREATE TABLE comments (id INTEGER PRIMARY KEY, body TEXT)")
        connection.execute("CREATE TABLE outbox (comment_id INTEGER, state TEXT, attempts INTEGER)")
        connection.execute("INSERT INTO comments (body) VALUES ('a'), ('b')")
        connection.execute("INSERT INTO outbox VALUES (1, 'sent', 1), (2, 'sent', 2)")

    assert kept(tmp_path / "inbox.sqlite3") == Kept(comments=Counter("ab"), deliveries=(1, 2))


def test_customers_ask_every_address_and_know_who_answered_first() -> None:
    """The first answer of a release, wherever it came from."""
    with serving(always) as one, serving(always) as two, Traffic(f"127.0.0.1:{port}" for port in (one, two)) as traffic:
        while not all(counted.answered > 3 for counted in traffic.counted):
            assert traffic.counted[0].failed == traffic.counted[1].failed == 0

    assert traffic.first("another") is None
    assert traffic.first("ok") == min(counted.seen["ok"] for counted in traffic.counted)
