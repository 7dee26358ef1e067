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


PATIENCE = 1.0
"""Seconds to wait for another program that writes to the file. Everybody waits with us, and whoever asked asks again."""

SYNCHRONOUS = "NORMAL"
"""In WAL mode a commit is handed to the kernel before it is acknowledged: what kills us, kill -9 included, loses nothing.

FULL would also flush each commit to the disk, and so keep the last ones when the whole machine goes down. Then the agents
and their jobs are gone too, there is nobody left to whom the lost lines were promised, and what is there is consistent.
The price would be a flush per log chunk and ping.
"""


HINTS = {
    "SQLITE_FULL": "free some space where {path} lies; what was acknowledged is kept, and agents ask again by themselves",
    "SQLITE_IOERR": "see `df {path}` and the file system's health; what was acknowledged is kept, and agents ask again",
    "SQLITE_BUSY": "another program holds the file: end it (`fuser {path}/ledger.sqlite3` names it)",
    "SQLITE_READONLY": "make the folder {path} writable for the user that runs this",
}


class Database:
    """Open ``path``, created if missing. Raises InfraError, here and later, with what is wrong and what to do."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # It holds tokens and logs: for us alone, from the first byte on.
            path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
            self._connection.executescript(files(__package__).joinpath("schema.sql").read_text())
        except (sqlite3.Error, OSError) as error:
            raise self._failure("open", error) from error
        self._connection.row_factory = sqlite3.Row
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together, or not at all. May be nested: the outermost commits."""
        if self._depth == 0:
            self._do("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._roll_back()
            raise
        self._depth -= 1
        if self._depth == 0:
            try:
                self._do("COMMIT")
            except InfraError:
                # A commit that failed leaves its transaction open: the next one would be inside of it.
                self._roll_back()
                raise

    def run(self, statement: str, *values: object) -> int:
        """Run one statement; return how many rows it changed."""
        return self._do(statement, values).rowcount

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        return self._do(query, values, verb="read").fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._do(query, values, verb="read").fetchone()
        return found

    def _do(self, statement: str, values: tuple[object, ...] = (), *, verb: str = "write") -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._failure(verb, error) from error

    def _roll_back(self) -> None:
        # On a full disk SQLite has rolled back by itself.
        if self._connection.in_transaction:
            self._do("ROLLBACK")

    def _failure(self, verb: str, error: Exception) -> InfraError:
        name = str(getattr(error, "sqlite_errorname", ""))
        hint = next((text for prefix, text in HINTS.items() if name.startswith(prefix)), None)
        return InfraError(
            f"could not {verb} the ledger {str(self._path)!r}: {error}",
            hint=hint and hint.format(path=self._path.parent),
        )

    def close(self) -> None:
        self._connection.close()
