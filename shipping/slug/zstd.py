"""Compressed streams in and out. The only importer of zstandard."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, cast

from shipping.slug.archive import CHUNK
from shipping.slug.unpack import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Level 3 is smaller than gzip's 6 and ten times as fast; beyond it, time grows and bytes hardly shrink.
LEVEL = 3


def compress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Compress on all processors."""
    import zstandard

    chunker = zstandard.ZstdCompressor(level=LEVEL, threads=-1, write_checksum=True).chunker(chunk_size=CHUNK)
    for chunk in chunks:
        yield from chunker.compress(chunk)
    yield from chunker.finish()  # type: ignore[no-untyped-call]


def decompress(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress, a MiB at a time however far the bytes expand. Raises Damaged where they are not what was compressed."""
    import zstandard

    reader = zstandard.ZstdDecompressor().stream_reader(cast("IO[bytes]", _Readable(chunks)), read_size=CHUNK)
    while True:
        try:
            piece = reader.read(CHUNK)
        except zstandard.ZstdError as error:
            raise Damaged(f"it does not decompress ({error})") from error
        if not piece:
            return
        yield piece


class _Readable:
    """Chunks as the file that the library wants to read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)
