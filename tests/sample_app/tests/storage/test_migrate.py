from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from inbox import migrate
from inbox.migrate import MIGRATIONS, Migration
from inbox.storage import Database


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "empty.sqlite3")
    yield made
    made.close()


def test_expanding_applies_everything_once(empty: Database) -> None:
    assert migrate.expand(empty) == [migration.title for migration in MIGRATIONS]
    assert migrate.is_current(empty)
    assert migrate.expand(empty) == []


def test_a_database_in_between_gets_what_it_lacks(empty: Database) -> None:
    migrate.expand(empty, MIGRATIONS[:2])
    assert not migrate.is_current(empty)

    assert migrate.expand(empty) == [migration.title for migration in MIGRATIONS[2:]]


def test_a_failing_step_leaves_nothing_behind(empty: Database) -> None:
    """All or nothing: no version between two versions."""
    broken = Migration(title="broken", statements=("CREATE TABLE half (x)", "CREATE TABLE comments (x)"))

    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate.expand(empty, [*MIGRATIONS, broken])

    assert migrate.version(empty) == 0
    assert migrate.expand(empty) == [migration.title for migration in MIGRATIONS]


def test_two_hosts_that_migrate_at_once_do_it_once(empty: Database) -> None:
    start = threading.Barrier(4)
    applied: list[list[str]] = []

    def host() -> None:
        database = Database(empty.path)
        start.wait()
        applied.append(migrate.expand(database))
        database.close()

    threads = [threading.Thread(target=host) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(len, applied)) == [0, 0, 0, len(MIGRATIONS)]


def test_the_release_before_goes_on_writing(database: Database) -> None:
    """Each step of the schema bears an insert as the release before that step wrote it."""
    with database.writing() as connection:
        connection.execute(
            "INSERT INTO comments (author, body, folded_author, folded_body, created_at) VALUES ('a', 'b', 'a', 'b', 0)"
        )
        row = connection.execute("SELECT release FROM comments").fetchone()

    assert row["release"] is None


def test_no_step_takes_anything_away() -> None:
    statements = " ".join(" ".join(migration.statements) for migration in MIGRATIONS).upper()

    assert [word for word in ("DROP", "RENAME", "DELETE", "UPDATE") if f"{word} " in statements] == []


def test_a_newer_schema_will_do(database: Database) -> None:
    """After a rollback this release runs on what the newer one has expanded."""
    with database.writing() as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    assert migrate.is_current(database)
    assert migrate.expand(database) == []


def test_the_command_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INBOX_DATABASE", str(tmp_path / "new.sqlite3"))

    assert migrate.main(["expand"]) == 0
    assert migrate.main(["expand"]) == 0
    assert migrate.main(["contract"]) == 2

    output = capsys.readouterr()
    assert output.out.splitlines()[-2:] == ["the schema is at version 4", "nothing to apply"]
    assert output.err == "usage: python -m inbox.migrate expand\n"
