"""Signs what this process made, and puts the signature beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pipeline_gen.errors import InfraError, Refused
from shipping.records import signature
from shipping.records.signature import Signature, Signed, Statement

if TYPE_CHECKING:
    from pipeline_gen.ports import VersionedStore
    from shipping.records.signature import Purpose
    from shipping.signing.public import PublicKey

# Each lost race means that another key's signature was added; there are never many keys at work.
TRIES = 10


class PrivateKey(Protocol):
    """A key that signs, wherever it is kept."""

    @property
    def public(self) -> PublicKey: ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs for one app and one purpose."""

    app: str
    purpose: Purpose
    key: PrivateKey

    def statement(self, body: bytes, *, commit: str) -> bytes:
        digest = hashlib.sha256(body).hexdigest()
        return Statement(digest=digest, app=self.app, purpose=self.purpose, commit=commit).encode()

    def sign(self, body: bytes, *, commit: str) -> Signed:
        """Return the signature of ``body``, by this key alone."""
        statement = self.statement(body, commit=commit)
        value = self.key.sign(signature.message(statement))
        return Signed(statement=statement, signatures=(Signature(key=self.key.public.id, value=value),))

    def place(self, store: VersionedStore, signed: str, body: bytes, *, commit: str) -> None:
        """Put this key's signature beside the object ``signed``, whose bytes are ``body``; others' of the same stay.

        One conditional write; none where this key's signature is there already.
        """
        where, mine = signature.key(signed), self.key.public
        statement = self.statement(body, commit=commit)
        made: Signed | None = None
        for _ in range(TRIES):
            stored = store.get(where)
            others = () if stored is None else _of(stored.body, statement, where)
            if any(one.key == mine.id and mine.verifies(signature.message(statement), one.value) for one in others):
                return
            made = made or self.sign(body, commit=commit)
            kept = tuple(one for one in others if one.key != mine.id)
            both = Signed(statement=statement, signatures=(*kept, *made.signatures)).encode()
            if store.replace(where, both, version=None if stored is None else stored.version) is not None:
                return
        raise InfraError(f"could not sign {signed!r}: others write its signature {where!r} all the time")


def _of(body: bytes, statement: bytes, where: str) -> tuple[Signature, ...]:
    """Return the signatures of this very statement; those of another, and damage, are nothing to keep."""
    try:
        found = Signed.decode(body, what=f"the signature {where!r}")
    except Refused:
        return ()
    return found.signatures if found.statement == statement else ()
