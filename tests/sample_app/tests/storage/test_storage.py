from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from inbox.storage import Database


@pytest.fixture
def numbers(database: Database) -> Database:
    with database.writing() as connection:
        connection.execute("CREATE TABLE numbers (value INTEGER)")
    return database


def values(database: Database) -> list[int]:
    with database.reading() as connection:
        return [row["value"] for row in connection.execute("SELECT value FROM numbers ORDER BY value")]


def insert(database: Database, value: int) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO numbers VALUES (?)", (value,))


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    Database(tmp_path / "later.sqlite3").close()

    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_read(numbers: Database) -> None:
    insert(numbers, 1)

    assert values(numbers) == [1]


def test_an_exception_undoes_the_transaction(numbers: Database) -> None:
    with pytest.raises(ZeroDivisionError), numbers.writing() as connection:
        connection.execute("INSERT INTO numbers VALUES (1)")
        1 / 0  # noqa: B018

    assert values(numbers) == []
    insert(numbers, 2)
    assert values(numbers) == [2]


def test_a_reader_does_not_wait_for_a_writer(numbers: Database) -> None:
    """It sees what was committed before."""
    insert(numbers, 1)
    with numbers.writing() as connection:
        connection.execute("INSERT INTO numbers VALUES (2)")

        assert values(numbers) == [1]
    assert values(numbers) == [1, 2]


def test_a_writer_waits_for_another(numbers: Database) -> None:
    """The second of two writers waits until the first is done, and loses nothing."""
    holding = threading.Event()
    order: list[str] = []

    def hold() -> None:
        with numbers.writing() as connection:
            connection.execute("INSERT INTO numbers VALUES (1)")
            holding.set()
            time.sleep(0.5)
            order.append("first")

    first = threading.Thread(target=hold)
    first.start()
    holding.wait()
    insert(numbers, 2)
    order.append("second")
    first.join()

    assert order == ["first", "second"]
    assert values(numbers) == [1, 2]


def test_a_writer_does_not_wait_for_ever(numbers: Database) -> None:
    impatient = Database(numbers.path, busy_timeout=0.5)
    with numbers.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
        insert(impatient, 1)
    impatient.close()

    assert values(numbers) == []


def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError), database.writing() as connection:
        connection.execute("INSERT INTO outbox (comment_id, queue, state, due_at) VALUES (99, 'live', 'queued', 0)")


def test_many_threads_write_at_once(numbers: Database) -> None:
    """Eight threads with sixty transactions each: none fails, none is lost."""
    failures: list[Exception] = []

    def write(thread: int) -> None:
        try:
            for number in range(60):
                insert(numbers, thread * 1000 + number)
        except sqlite3.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert values(numbers) == [thread * 1000 + number for thread in range(8) for number in range(60)]
