"""Job logs: gzipped chunks as they came, put in order when read."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from shipping.local.ledger.database import Database

CHUNK_LIMIT = 1024 * 1024
"""Bytes of text in one chunk. We ask agents for a tenth of it; more is not a log but an attack on our memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of a log in whole chunks. ``first`` is the number of its first line; is there more on either side?"""

    text: bytes
    first: int
    before: bool
    after: bool


class Logs:
    def __init__(self, database: Database) -> None:
        self._database = database
        # Ledgers from before lines were counted: their numbers begin where the counting did.
        if "lines" not in {row["name"] for row in database.rows("PRAGMA table_info(log_chunks)")}:
            database.run("ALTER TABLE log_chunks ADD COLUMN lines INTEGER NOT NULL DEFAULT 0")

    def add(self, build: str, job: str, *, sequence: int, body: bytes, text_size: int, lines: int = 0) -> None:
        """Keep a chunk, in whose text ``lines`` lines end. The same sequence again is a retry, and says the same."""
        self._database.run(
            "INSERT INTO log_chunks (job, sequence, build, size, body, lines) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            job,
            sequence,
            build,
            text_size,
            body,
            lines,
        )

    def note(self, build: str, job: str, text: str) -> None:
        self._database.run("INSERT INTO log_notes (job, build, text) VALUES (?, ?, ?)", job, build, text)

    def read(self, job: str) -> bytes:
        """Return the log: chunks in their order, then our notes."""
        return _joined(self._chunks(job, 0, None), self._notes(job))

    def window(self, job: str, most: int, *, line: int | None = None) -> Window:
        """Return about ``most`` bytes in whole chunks: the last ones and our notes, or those around a line."""
        query = "SELECT sequence, size, lines FROM log_chunks WHERE job = ? ORDER BY sequence"
        pieces = self._database.rows(query, job)
        begin, end = _tail(pieces, most) if line is None else _around(pieces, most, line)
        whole = end == len(pieces)
        text = self._chunks(job, pieces[begin]["sequence"], pieces[end - 1]["sequence"]) if begin < end else b""
        if whole:
            text = _joined(text, self._notes(job))
        first = 1 + sum(piece["lines"] for piece in pieces[:begin])
        return Window(text=text, first=first, before=begin > 0, after=not whole)

    def _chunks(self, job: str, first: int, last: int | None) -> bytes:
        query = "SELECT body FROM log_chunks WHERE job = ? AND sequence >= ? AND sequence <= ? ORDER BY sequence"
        chunks = self._database.rows(query, job, first, 2**62 if last is None else last)
        return b"".join(inflate(row["body"]) or b"" for row in chunks)

    def _notes(self, job: str) -> bytes:
        rows = self._database.rows("SELECT text FROM log_notes WHERE job = ? ORDER BY rowid", job)
        return "".join(f"{row['text']}\n" for row in rows).encode()

    def clear(self, job: str) -> None:
        with self._database.transaction():
            self._database.run("DELETE FROM log_chunks WHERE job = ?", job)
            self._database.run("DELETE FROM log_notes WHERE job = ?", job)


def inflate(body: bytes) -> bytes | None:
    """Return what a gzip body holds, None if it is not gzip, is cut short, or holds more than a chunk may."""
    stream = zlib.decompressobj(wbits=31)
    try:
        text = stream.decompress(body, CHUNK_LIMIT + 1)
    except zlib.error:
        return None
    return text if stream.eof and len(text) <= CHUNK_LIMIT else None


def _joined(text: bytes, notes: bytes) -> bytes:
    return text + (b"\n" if notes and text and not text.endswith(b"\n") else b"") + notes


def _tail(pieces: list[sqlite3.Row], most: int) -> tuple[int, int]:
    """Return the range of the last chunks that are ``most`` bytes or just more."""
    begin, total = len(pieces), 0
    while begin > 0 and total <= most:
        begin -= 1
        total += pieces[begin]["size"]
    return begin, len(pieces)


def _around(pieces: list[sqlite3.Row], most: int, line: int) -> tuple[int, int]:
    """Return the range of chunks that begins a little before the line's and is ``most`` bytes or just more."""
    ended = place = 0
    while place < len(pieces) - 1 and ended + pieces[place]["lines"] + 1 < line:
        ended += pieces[place]["lines"]
        place += 1
    begin, _ = _tail(pieces[:place], most // 2)
    end, total = place, 0
    while end < len(pieces) and total <= most // 2:
        total += pieces[end]["size"]
        end += 1
    return begin, end
