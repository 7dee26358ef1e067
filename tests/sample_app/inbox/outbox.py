"""The queue between the comment that is stored and its delivery. A delivery is leased: a worker that dies loses only time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from inbox.storage import Database

MOST_ATTEMPTS = 8
LONGEST_DELAY = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to deliver one comment until the lease ends. ``attempt`` counts from 1."""

    comment_id: int
    attempt: int
    lease: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where the delivery of a comment stands: queued, sent or dead."""

    state: str
    attempts: int
    error: str | None


def enqueue(connection: sqlite3.Connection, comment_id: int, *, queue: str, now: float) -> None:
    """Queue a comment, inside the transaction that stores it: there is never the one without the other."""
    connection.execute(
        "INSERT INTO outbox (comment_id, queue, state, due_at) VALUES (?, ?, 'queued', ?)", (comment_id, queue, now)
    )


def claim(database: Database, *, queue: str, now: float, lease_for: float) -> Claim | None:
    """Take the delivery that has been due the longest, None if none is. It is due again when the lease has ended."""
    lease = secrets.token_hex(8)
    with database.writing() as connection:
        row = connection.execute(
            """UPDATE outbox SET lease = ?, attempts = attempts + 1, due_at = ?
               WHERE comment_id = (SELECT comment_id FROM outbox WHERE queue = ? AND state = 'queued' AND due_at <= ?
                                   ORDER BY due_at, comment_id LIMIT 1)
               RETURNING comment_id, attempts""",
            (lease, now + lease_for, queue, now),
        ).fetchone()
    return None if row is None else Claim(comment_id=row["comment_id"], attempt=row["attempts"], lease=lease)


def sent(database: Database, done: Claim, *, now: float) -> bool:
    """Record the delivery; False if the lease had ended and someone else holds the claim."""
    return _settle(database, done, "state = 'sent', sent_at = ?, error = NULL", now)


def failed(database: Database, done: Claim, *, error: str, now: float) -> bool:
    """Record a failure that may pass: due again after a pause, or dead after the last attempt."""
    if done.attempt >= MOST_ATTEMPTS:
        return dead(database, done, error=error)
    return _settle(database, done, "due_at = ?, error = ?", now + retry_delay(done.attempt), error)


def dead(database: Database, done: Claim, *, error: str) -> bool:
    """Record a failure that no repetition will mend."""
    return _settle(database, done, "state = 'dead', error = ?", error)


def retry_delay(attempt: int) -> float:
    """Return the seconds to wait after the n-th attempt: 2, 4, 8 and so on, at most an hour."""
    return float(min(2**attempt, LONGEST_DELAY))


def revive(database: Database, comment_id: int, *, now: float) -> bool:
    """Queue a dead delivery again, from its first attempt; False if it is not dead."""
    with database.writing() as connection:
        changed = connection.execute(
            "UPDATE outbox SET state = 'queued', attempts = 0, due_at = ? WHERE comment_id = ? AND state = 'dead'",
            (now, comment_id),
        )
        return changed.rowcount == 1


def status(database: Database, comment_id: int) -> Status | None:
    """Return where the delivery of a comment stands."""
    with database.reading() as connection:
        row = connection.execute(
            "SELECT state, attempts, error FROM outbox WHERE comment_id = ?", (comment_id,)
        ).fetchone()
    return None if row is None else Status(state=row["state"], attempts=row["attempts"], error=row["error"])


def counts(database: Database, *, queue: str) -> dict[str, int]:
    """Return how many deliveries of the queue there are in each state."""
    with database.reading() as connection:
        rows = connection.execute("SELECT state, count(*) FROM outbox WHERE queue = ? GROUP BY state", (queue,))
        return {"queued": 0, "sent": 0, "dead": 0} | dict(rows.fetchall())


def dead_letters(database: Database, *, queue: str) -> list[tuple[int, str]]:
    """Return the comments that could not be delivered, each with the reason, oldest first."""
    with database.reading() as connection:
        rows = connection.execute(
            "SELECT comment_id, error FROM outbox WHERE queue = ? AND state = 'dead' ORDER BY comment_id", (queue,)
        )
        return [(row["comment_id"], row["error"]) for row in rows]


def _settle(database: Database, done: Claim, changes: str, *values: object) -> bool:
    # The lease is the fence: a worker that was too slow must not overwrite what its successor did.
    with database.writing() as connection:
        changed = connection.execute(
            f"UPDATE outbox SET {changes}, lease = NULL WHERE comment_id = ? AND lease = ? AND state = 'queued'",  # noqa: S608 - fixed texts
            (*values, done.comment_id, done.lease),
        )
        return changed.rowcount == 1
