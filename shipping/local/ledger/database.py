"""The one SQLite connection. Everything the server does with it happens on one thread, in whole transactions."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Database:
    """Open ``path``, created if missing. WAL: a killed process loses nothing that was committed."""

    def __init__(self, path: Path) -> None:
        try:
            # It holds tokens and logs: for us alone, from the first byte on.
            path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(files(__package__).joinpath("schema.sql").read_text())
        except (sqlite3.Error, OSError) as error:
            raise InfraError(f"could not open the ledger {str(path)!r}: {error}") from error
        self._connection.row_factory = sqlite3.Row
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together, or not at all. May be nested: the outermost commits."""
        if self._depth == 0:
            self._connection.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            # On a full disk SQLite has rolled back by itself.
            if self._depth == 0 and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._depth -= 1
        if self._depth == 0:
            self._connection.execute("COMMIT")

    def run(self, statement: str, *values: object) -> int:
        """Run one statement; return how many rows it changed."""
        return self._connection.execute(statement, values).rowcount

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        return self._connection.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._connection.execute(query, values).fetchone()
        return found

    def close(self) -> None:
        self._connection.close()
