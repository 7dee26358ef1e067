"""A host's own copies of layers, compressed: what did not change since the last release is not fetched again.

A copy counts once the release that was unpacked from it was whole, digests checked, and is checked anew whenever it is used.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from pipeline_gen.errors import Refused
from shipping.slug.archive import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pipeline_gen.ports import Stored
    from shipping.slug.manifest import Layer, Manifest

# What a slug may grow to on a host. A layer's digest is checked at the end of its stream, too late for a disk.
MOST_BYTES = 32 * 1024**3
MOST_FILES = 2_000_000
# Text gives 4:1, and zstandard's best, on nothing but zeros, some 20,000:1. Small layers of zeros are no danger.
RATIO = 500
RATIO_FROM = 256 * 1024**2

_SUFFIX = ".tar.zst"


class Source(Protocol):
    """Where slugs come from."""

    @property
    def name(self) -> str: ...

    def get(self, key: str) -> Stored | None: ...

    def size(self, key: str) -> int | None: ...

    def open(self, key: str) -> Iterator[bytes] | None: ...


class Blobs:
    """A source that reads layers from this host's disk where they are there, and keeps those that were fetched."""

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._manifests: dict[str, Stored] = {}

    @property
    def name(self) -> str:
        return self._source.name

    def get(self, key: str) -> Stored | None:
        """Read a small object, once for each fetch."""
        if key not in self._manifests:
            found = self._source.get(key)
            if found is None:
                return None
            self._manifests[key] = found
        return self._manifests[key]

    def open(self, key: str) -> Iterator[bytes] | None:
        """Return a layer's bytes, from the disk if it has them."""
        kept = self._folder / _digest(key)
        if kept.exists():
            return _read(kept)
        chunks = self._source.open(key)
        return None if chunks is None else _copied(chunks, kept.with_suffix(".part"))

    def admit(self, manifest: Manifest, app: str) -> None:
        """Raise Refused where a slug would grow beyond all reason."""
        named = f"slug {manifest.slug[:12]!r}"
        if manifest.size > MOST_BYTES or manifest.files > MOST_FILES:
            raise Refused(
                f"cannot use {named}: it unpacks to {manifest.size / 1e9:.1f} GB in {manifest.files} files, "
                f"a host takes {MOST_BYTES / 1e9:.1f} GB in {MOST_FILES}"
            )
        for layer in manifest.layers:
            if layer.size >= RATIO_FROM and not self.has(layer):
                packed = self._source.size(layer.blob(app))
                if packed is not None and layer.size > packed * RATIO:
                    raise Refused(
                        f"cannot use {named}: its layer {layer.name!r} unpacks {packed} bytes to {layer.size}, "
                        f"more than {RATIO} for each"
                    )

    def has(self, layer: Layer) -> bool:
        return (self._folder / f"{layer.digest}{_SUFFIX}").exists()

    def keep(self, manifest: Manifest) -> None:
        """Keep the copies of a slug whose layers were all found whole."""
        for layer in manifest.layers:
            part = self._folder / f"{layer.digest}.tar.part"
            with suppress(OSError):  # a copy that cannot be kept is fetched again
                part.rename(part.with_suffix(".zst"))
        self.forget()

    def forget(self) -> None:
        """Throw away what a fetch left unfinished."""
        self._manifests.clear()
        for part in self._folder.glob("*.part"):
            part.unlink(missing_ok=True)

    def drop(self, layers: Iterable[Layer]) -> None:
        """Throw away the copies of layers: one of them is damaged."""
        for layer in layers:
            (self._folder / f"{layer.digest}{_SUFFIX}").unlink(missing_ok=True)

    def retain(self, digests: frozenset[str]) -> None:
        """Throw away the copies of all other layers."""
        for file in self._folder.glob(f"*{_SUFFIX}"):
            if file.name.removesuffix(_SUFFIX) not in digests:
                file.unlink(missing_ok=True)


def _digest(key: str) -> str:
    return key.rpartition("/")[2]


def _read(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _copied(chunks: Iterator[bytes], part: Path) -> Iterator[bytes]:
    """Yield the chunks, and write them down as they pass."""
    with suppress(FileNotFoundError):
        part.unlink()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as stream:
        try:
            for chunk in chunks:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[stream.write(rest) :]
                yield chunk
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
