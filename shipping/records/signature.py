"""A signature, which lies beside what it is of: a small statement, and who signed it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from shipping.records import document

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1

Purpose = Literal["main", "pr", "clearance"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

# What is signed begins with these bytes, so that no signature of ours can be taken for one over anything else.
_PREFIX = b"buildkite-ship statement\n"


def key(signed: str) -> str:
    """Return the key of the signature of the object under ``signed``."""
    return f"{signed}.sig"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said: the bytes with this SHA-256 ``digest`` are ``app``'s, of ``commit``, to be used for ``purpose``."""

    digest: str
    app: str
    purpose: Purpose
    commit: str

    def encode(self) -> bytes:
        return document.encode(
            SCHEMA, {"digest": self.digest, "app": self.app, "purpose": self.purpose, "commit": self.commit}
        )

    @classmethod
    def decode(cls, body: bytes, *, what: str) -> Statement:
        """Raises Refused where it is damaged, UsageError where a newer ship wrote it."""
        return document.decode(body, cls._from_json, schema=SCHEMA, what=what)

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Statement:
        if data["purpose"] not in PURPOSES:
            raise ValueError(f"purpose {data['purpose']!r}")
        return cls(
            digest=str(data["digest"]), app=str(data["app"]), purpose=data["purpose"], commit=str(data["commit"])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One key's: ``key`` is the id of its public half."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A statement, as the bytes that were signed, and the signatures of it: one per key, several while keys change."""

    statement: bytes
    signatures: tuple[Signature, ...]

    @property
    def message(self) -> bytes:
        return message(self.statement)

    def encode(self) -> bytes:
        found = [{"key": one.key, "value": base64.b64encode(one.value).decode()} for one in self.signatures]
        return document.encode(SCHEMA, {"statement": self.statement.decode(), "signatures": found})

    @classmethod
    def decode(cls, body: bytes, *, what: str) -> Signed:
        """Raises Refused where it is damaged, UsageError where a newer ship wrote it."""
        return document.decode(body, cls._from_json, schema=SCHEMA, what=what)

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Signed:
        return cls(
            statement=data["statement"].encode(),
            signatures=tuple(
                Signature(key=str(one["key"]), value=base64.b64decode(one["value"], validate=True))
                for one in data["signatures"]
            ),
        )


def message(statement: bytes) -> bytes:
    """Return the bytes that a key signs."""
    return _PREFIX + statement
