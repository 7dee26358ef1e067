from __future__ import annotations

import sqlite3

import pytest

from inbox import comments, outbox, paging, search
from inbox.comments import Draft, Invalid
from inbox.storage import Database


def add(database: Database, author: str = "Anna", body: str = "hello", release: str = "r1") -> comments.Comment:
    return comments.add(database, comments.draft(author, body), now=1000.0, release=release, queue="live")


def test_a_draft_is_cleaned() -> None:
    assert comments.draft("  Anna  L ", "one\r\ntwo\n") == Draft(author="Anna L", body="one\ntwo")


@pytest.mark.parametrize(
    ("author", "body", "faults"),
    [
        ("", "x", {"author": "is missing"}),
        (" \u200b ", "\n", {"author": "is missing", "body": "is missing"}),
        (None, 5, {"author": "is missing", "body": "is missing"}),
        ("a" * 81, "x", {"author": "is longer than 80 characters"}),
        ("a", "x" * 4001, {"body": "is longer than 4,000 characters"}),
    ],
)
def test_a_draft_that_will_not_do_names_every_fault(author: object, body: object, faults: dict[str, str]) -> None:
    with pytest.raises(Invalid) as raised:
        comments.draft(author, body)

    assert raised.value.faults == faults


def test_a_comment_is_stored_with_its_delivery(database: Database) -> None:
    added = add(database)

    assert comments.get(database, added.id) == added
    assert outbox.status(database, added.id) == outbox.Status(state="queued", attempts=0, error=None)


def test_without_its_delivery_a_comment_is_not_stored(database: Database) -> None:
    with database.writing() as connection:
        connection.execute("DROP TABLE outbox")

    with pytest.raises(sqlite3.OperationalError):
        add(database)

    assert comments.get(database, 1) is None


def test_a_comment_that_is_not_there_is_none(database: Database) -> None:
    assert comments.get(database, 404) is None


def test_pages_go_back_in_time_without_gaps(database: Database) -> None:
    """Comments that arrive while someone pages shift nothing."""
    numbers = [add(database, body=f"number {number}").id for number in range(25)]
    seen: list[int] = []
    after: str | None = None
    for _ in range(3):
        page = comments.page(database, search.Query(), after=after, limit=10)
        seen += [comment.id for comment in page.items]
        after = page.next
        add(database, body="in between")

    assert seen == numbers[::-1]
    assert after is None


def test_a_forged_cursor_is_refused(database: Database) -> None:
    with pytest.raises(paging.BadCursor):
        comments.page(database, search.Query(), after="forged", limit=10)


def test_the_database_finds_what_the_search_means(database: Database, letters: list[dict[str, str]]) -> None:
    """SQL and the plain test of one comment agree, for every word, phrase, author and exclusion of all letters."""
    stored = [add(database, **letter) for letter in letters]
    words = sorted({word for letter in letters for word in f"{letter['author']} {letter['body']}".split()})
    typed = [*words, *(f"-{word}" for word in words), *(f"from:{word}" for word in words), *(f'"{w}" e' for w in words)]

    for text in typed:
        query = search.parse(text)
        expected = [c.id for c in reversed(stored) if search.matches(query, author=c.author, body=c.body)]
        page = comments.page(database, query, after=None, limit=100)
        assert (text, [comment.id for comment in page.items]) == (text, expected)


def test_comments_are_counted_by_release(database: Database) -> None:
    """The heartbeat: also for a release that does not say which it is."""
    for release in ("old", "new", "new"):
        add(database, release=release)
    with database.writing() as connection:
        connection.execute("UPDATE comments SET release = NULL WHERE release = 'old'")

    assert comments.created_by_release(database) == {"new": 2, "unknown": 1}
