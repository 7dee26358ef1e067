"""Job logs: gzipped chunks as they came, put in order when read."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipping.local.ledger.database import Database

CHUNK_LIMIT = 1024 * 1024
"""Bytes of text in one chunk. We ask agents for a tenth of it; more is not a log but an attack on our memory."""


class Logs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, build: str, job: str, *, sequence: int, body: bytes, text_size: int) -> None:
        """Keep a chunk. The same sequence again is a retry, and says the same."""
        self._database.run(
            "INSERT INTO log_chunks (job, sequence, build, size, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            job,
            sequence,
            build,
            text_size,
            body,
        )

    def note(self, build: str, job: str, text: str) -> None:
        self._database.run("INSERT INTO log_notes (job, build, text) VALUES (?, ?, ?)", job, build, text)

    def read(self, job: str) -> bytes:
        """Return the log: chunks in their order, then our notes."""
        return self._read(job, 0)

    def _read(self, job: str, first: int) -> bytes:
        query = "SELECT body FROM log_chunks WHERE job = ? AND sequence >= ? ORDER BY sequence"
        chunks = self._database.rows(query, job, first)
        log = b"".join(inflate(row["body"]) or b"" for row in chunks)
        for row in self._database.rows("SELECT text FROM log_notes WHERE job = ? ORDER BY rowid", job):
            log += (b"" if not log or log.endswith(b"\n") else b"\n") + f"{row['text']}\n".encode()
        return log

    def tail(self, job: str, most: int) -> tuple[bytes, bool]:
        """Return about the last ``most`` bytes in whole chunks with our notes, and whether there is more before them."""
        sizes = self._database.rows("SELECT sequence, size FROM log_chunks WHERE job = ? ORDER BY sequence DESC", job)
        total = 0
        for row in sizes:
            total += row["size"]
            if total > most:
                return self._read(job, row["sequence"]), row is not sizes[-1]
        return self._read(job, 0), False

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
