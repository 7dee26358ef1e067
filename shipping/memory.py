"""The store in memory, for simulations and fast tests. Passes the same contract as the bucket; shared by threads."""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import TYPE_CHECKING, Literal

from pipeline_gen.ports import Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class MemoryStore:
    """A `VersionedStore` in a dictionary. Versions follow the bytes, as S3's do."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    def create(self, key: str, body: bytes) -> bool:
        with self._lock:
            return self._objects.setdefault(key, body) == body

    def get(self, key: str) -> Stored | None:
        with self._lock:
            body = self._objects.get(key)
        return None if body is None else Stored(body=body, version=_version(body))

    def poll(self, key: str, *, known: str | None) -> Stored | Literal["unchanged"] | None:
        found = self.get(key)
        return "unchanged" if found is not None and found.version == known else found

    def list(self, prefix: str) -> Iterator[str]:
        with self._lock:
            found = sorted((key for key in self._objects if key.startswith(prefix)), key=str.encode)
        yield from found

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:
        with self._lock:
            there = self._objects.get(key)
            if (None if there is None else _version(there)) != version:
                return None
            self._objects[key] = body
        return _version(body)

    def size(self, key: str) -> int | None:
        with self._lock:
            body = self._objects.get(key)
        return None if body is None else len(body)

    def put_stream(self, key: str, chunks: Callable[[], Iterable[bytes]]) -> bool:
        body = b"".join(chunks())
        with self._lock:
            if key in self._objects:
                return False
            self._objects[key] = body
        return True

    def open(self, key: str) -> Iterator[bytes] | None:
        stored = self.get(key)
        return None if stored is None else iter((stored.body,))


def _version(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'
