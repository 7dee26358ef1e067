"""A layer's compressed bytes, made once and sent to several buckets while they are being made."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from tempfile import TemporaryFile
from threading import Condition, Thread
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, Refused
from shipping.slug import archive, zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.slug.manifest import Layer
    from shipping.slug.tree import Entry


class Package:
    """The blob of a layer. Compression starts with the first reader; each reader gets the whole, from the beginning.

    The bytes wait in an unnamed file: a slow bucket costs disk, not memory, and a repeated upload costs no second compression.
    """

    def __init__(self, layer: Layer, root: Path, entries: tuple[Entry, ...]) -> None:
        self.layer = layer
        self._root = root
        self._entries = entries
        self._grown = Condition()
        self._file = TemporaryFile(prefix="ship-", buffering=0)  # noqa: SIM115 - closed by close()
        self._length = 0
        self._over = False
        self._failed: BaseException | None = None
        self._maker: Thread | None = None

    @property
    def packed(self) -> int:
        """Return the compressed bytes made, 0 where every bucket had the blob."""
        return self._length

    def chunks(self) -> Iterator[bytes]:
        """Yield the blob from its beginning, waiting for what is not made yet. Raises Refused if the tree changed meanwhile."""
        self._begin()
        at = 0
        while True:
            with self._grown:
                while self._length == at and not self._over:
                    self._grown.wait()
                if self._failed is not None:
                    raise self._failed
                end = self._length
            if end == at:
                return
            while at < end:
                piece = os.pread(self._file.fileno(), min(end - at, archive.CHUNK), at)
                at += len(piece)
                yield piece

    def close(self) -> None:
        """Free the file, once what is being made is made."""
        if self._maker is not None:
            self._maker.join()
        with suppress(OSError):
            self._file.close()

    def _begin(self) -> None:
        with self._grown:
            if self._maker is None:
                self._maker = Thread(target=self._make, name=f"pack-{self.layer.name}", daemon=True)
                self._maker.start()

    def _make(self) -> None:
        failed: BaseException | None = None
        try:
            for piece in zstd.compress(self._same()):
                self._file.write(piece)
                with self._grown:
                    self._length += len(piece)
                    self._grown.notify_all()
        except OSError as error:
            failed = InfraError(f"could not pack layer {self.layer.name!r}: {error.strerror}")
        except BaseException as error:  # noqa: BLE001 - handed to every reader, who raise it
            failed = error
        with self._grown:
            self._failed, self._over = failed, True
            self._grown.notify_all()

    def _same(self) -> Iterator[bytes]:
        """Yield the tar stream; a blob under a digest that its bytes do not have must never be completed."""
        digest = hashlib.sha256()
        for chunk in archive.stream(self._root, self._entries):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != self.layer.digest:
            raise Refused(
                f"cannot pack layer {self.layer.name!r}: its files changed between hashing and packing",
                hint="let 'run' wait for what it starts in the background",
            )
