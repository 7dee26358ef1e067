"""Changes the schema: ``python -m inbox.migrate expand``. Only ever adds: the release before runs on beside it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox import settings
from inbox.storage import Database

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step of the schema. A step that was released never changes."""

    title: str
    statements: tuple[str, ...]


MIGRATIONS = (
    Migration(
        title="comments",
        statements=(
            """CREATE TABLE comments (
                 id INTEGER PRIMARY KEY AUTOINCREMENT,
                 author TEXT NOT NULL,
                 body TEXT NOT NULL,
                 folded_author TEXT NOT NULL,
                 folded_body TEXT NOT NULL,
                 created_at REAL NOT NULL
               )""",
        ),
    ),
    Migration(
        title="outbox",
        statements=(
            """CREATE TABLE outbox (
                 comment_id INTEGER PRIMARY KEY REFERENCES comments (id),
                 queue TEXT NOT NULL,
                 state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'dead')),
                 due_at REAL NOT NULL,
                 attempts INTEGER NOT NULL DEFAULT 0,
                 lease TEXT,
                 error TEXT,
                 sent_at REAL
               )""",
            "CREATE INDEX outbox_due ON outbox (queue, state, due_at)",
        ),
    ),
    Migration(
        title="accounts and the secret that signs their sessions",
        statements=(
            "CREATE TABLE accounts (name TEXT PRIMARY KEY, password TEXT NOT NULL, created_at REAL NOT NULL)",
            "CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        ),
    ),
    Migration(
        title="the release that took a comment in",
        # Nullable: the release before does not know the column and goes on inserting without it.
        statements=(
            "ALTER TABLE comments ADD COLUMN release TEXT",
            "CREATE INDEX comments_release ON comments (release)",
        ),
    ),
)


def version(database: Database) -> int:
    """Return how many of the migrations the database has seen."""
    with database.reading() as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_current(database: Database) -> bool:
    """Tell whether this release can run on the database. One that a newer release has expanded will do."""
    return version(database) >= len(MIGRATIONS)


def expand(database: Database, migrations: Sequence[Migration] = MIGRATIONS) -> list[str]:
    """Apply what is missing, all or nothing, and return its titles. Run twice, or by two at once, it does it once."""
    with database.writing() as connection:
        seen = int(connection.execute("PRAGMA user_version").fetchone()[0])
        missing = list(migrations[seen:])
        for migration in missing:
            for statement in migration.statements:
                connection.execute(statement)
        if missing:
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
    return [migration.title for migration in missing]


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status: 2 if it was called wrongly."""
    if list(arguments) != ["expand"]:
        print("usage: python -m inbox.migrate expand", file=sys.stderr)
        return 2
    database = Database(settings.from_environment().database)
    try:
        applied = expand(database)
    finally:
        database.close()
    for title in applied:
        print(f"applied: {title}")
    print(f"the schema is at version {len(MIGRATIONS)}" if applied else "nothing to apply")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
