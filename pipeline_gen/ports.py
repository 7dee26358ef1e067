"""What the generator needs of the world, as protocols; `shipping` implements them and passes them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object as it was read: its bytes and the version tag that a conditional write names."""

    body: bytes
    version: str


class Store(Protocol):
    """Small objects under keys that begin with the app. Reads see the last finished write.

    Every method raises InfraError when the store did not answer (after its own retries) or refused the credentials.
    """

    def create(self, key: str, body: bytes) -> bool:
        """Write ``key`` only if it does not exist. True: this body is there now (ours, or the same bytes); False: another."""
        ...

    def get(self, key: str) -> Stored | None:
        """Return the object, or None where there is none."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in ascending order."""
        ...


class VersionedStore(Store, Protocol):
    """A store that can also replace, by compare-and-swap."""

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:
        """Write ``key`` if its version is still ``version`` (None: it must not exist). Return the new version, None if lost."""
        ...


class KeyTakenError(Exception):
    """A step key of the uploaded pipeline already exists in the build."""

    def __init__(self, key: str) -> None:
        super().__init__(f"step key {key!r} is already in the build")
        self.key = key


class Uploader(Protocol):
    """The running build, as far as the generator acts on it."""

    def upload(self, pipeline: Mapping[str, Any]) -> None:
        """Add the pipeline's steps to the build, literally (no interpolation). Raises KeyTakenError, InfraError, Refused."""
        ...

    def step_env(self, key: str) -> Mapping[str, str]:
        """Return the ``env`` of the step with this key in the running build; empty where there is no such step."""
        ...

    def version(self) -> tuple[int, int, int]:
        """Return the version of the agent that runs this job. Raises InfraError where it does not say."""
        ...
