"""What customers write: checked, stored together with its delivery, listed and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox import outbox, paging, search
from inbox.text import clean_body, clean_line, plural

if TYPE_CHECKING:
    import sqlite3

    from inbox.storage import Database

LONGEST_AUTHOR = 80
LONGEST_BODY = 4_000


class Invalid(ValueError):
    """The comment cannot be taken as it is; ``faults`` says why, by field."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {fault}" for field, fault in faults.items()))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A comment that was checked and not yet stored."""

    author: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A stored comment. ``created_at`` in seconds since 1970; ``release`` is the commit that took it in, if it is known."""

    id: int
    author: str
    body: str
    created_at: float
    release: str | None


def draft(author: object, body: object) -> Draft:
    """Clean and check what was sent. Raises Invalid with every fault."""
    faults: dict[str, str] = {}
    checked = Draft(
        author=_checked("author", clean_line(author) if isinstance(author, str) else None, LONGEST_AUTHOR, faults),
        body=_checked("body", clean_body(body) if isinstance(body, str) else None, LONGEST_BODY, faults),
    )
    if faults:
        raise Invalid(faults)
    return checked


def add(database: Database, new: Draft, *, now: float, release: str, queue: str) -> Comment:
    """Store the comment and queue its delivery, both or neither."""
    with database.writing() as connection:
        added = connection.execute(
            """INSERT INTO comments (author, body, folded_author, folded_body, created_at, release)
               VALUES (?, ?, ?, ?, ?, ?) RETURNING *""",
            (new.author, new.body, search.flatten(new.author), search.flatten(new.body), now, release),
        ).fetchone()
        outbox.enqueue(connection, added["id"], queue=queue, now=now)
    return _comment(added)


def get(database: Database, comment_id: int) -> Comment | None:
    """Return the comment with this id."""
    with database.reading() as connection:
        row = connection.execute("SELECT * FROM comments WHERE id = ?", (comment_id,)).fetchone()
    return None if row is None else _comment(row)


def page(database: Database, query: search.Query, *, after: str | None, limit: int) -> paging.Page[Comment]:
    """Return the comments that the query finds, newest first. Raises paging.BadCursor."""
    condition, parameters = search.to_sql(query)
    before = paging.decode(after) if after else 2**62
    with database.reading() as connection:
        rows = connection.execute(
            f"SELECT * FROM comments WHERE id < ? AND {condition} ORDER BY id DESC LIMIT ?",  # noqa: S608 - made of fixed texts
            (before, *parameters, limit + 1),
        ).fetchall()
    return paging.cut([_comment(row) for row in rows], limit, key=lambda comment: comment.id)


def created_by_release(database: Database) -> dict[str, int]:
    """Return how many comments each release took in: the heartbeat of the application."""
    with database.reading() as connection:
        rows = connection.execute("SELECT coalesce(release, 'unknown'), count(*) FROM comments GROUP BY 1 ORDER BY 1")
        return dict(rows.fetchall())


def _checked(field: str, value: str | None, longest: int, faults: dict[str, str]) -> str:
    if not value:
        faults[field] = "is missing"
        return ""
    if len(value) > longest:
        faults[field] = f"is longer than {plural(longest, 'character')}"
    return value


def _comment(row: sqlite3.Row) -> Comment:
    return Comment(
        id=row["id"], author=row["author"], body=row["body"], created_at=row["created_at"], release=row["release"]
    )
