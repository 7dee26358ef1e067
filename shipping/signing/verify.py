"""Refuses what is not signed as it must be, and says why: `verify` is a function of bytes and keys, `beside` reads first."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from pipeline_gen.errors import Refused
from shipping.records.signature import Signed, Statement, key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen.ports import Stored
    from shipping.records.signature import Purpose
    from shipping.signing.trust import Trusted


class Untrusted(Refused):
    """It is not signed, or not by whom, for what and of what it must be."""


def verify(
    body: bytes,
    signature: bytes | None,
    *,
    trusted: Trusted,
    app: str,
    purposes: Sequence[Purpose],
    commit: str | None = None,
    what: str,
) -> Statement:
    """Return what a trusted key says of ``body``: that it is ``app``'s, for one of ``purposes``, of ``commit`` (None: any).

    ``signature`` is the object beside it (None: there is none). ``what`` names the body in messages. Raises Untrusted by name.
    """
    if signature is None:
        raise Untrusted(
            f"cannot trust {what}: it has no signature", hint="publish it again: retry the job that made it"
        )
    signed, said = _decoded(signature, what)
    if said.purpose not in purposes:
        raise Untrusted(f"cannot trust {what} for {purposes[0]!r}: it was signed for {said.purpose!r}")
    _by_a_trusted_key(signed, said.purpose, trusted, what)
    if said.app != app:
        raise Untrusted(f"cannot trust {what}: it was signed for the app {said.app!r}, not {app!r}")
    if commit is not None and said.commit != commit:
        raise Untrusted(f"cannot trust {what}: it was signed for commit {said.commit[:12]!r}, not {commit[:12]!r}")
    digest = hashlib.sha256(body).hexdigest()
    if said.digest != digest:
        raise Untrusted(f"cannot trust {what}: its digest is {digest[:12]!r}, the signature is of {said.digest[:12]!r}")
    return said


class Reads(Protocol):
    """Where the signature lies."""

    def get(self, key: str) -> Stored | None: ...


def beside(
    store: Reads,
    signed: str,
    body: bytes,
    *,
    trusted: Trusted,
    app: str,
    purposes: Sequence[Purpose],
    commit: str | None = None,
    what: str,
) -> Statement:
    """Verify ``body``, which was read under the key ``signed``, by the signature that lies beside it."""
    found = store.get(key(signed))
    signature = None if found is None else found.body
    return verify(body, signature, trusted=trusted, app=app, purposes=purposes, commit=commit, what=what)


def _decoded(signature: bytes, what: str) -> tuple[Signed, Statement]:
    try:
        signed = Signed.decode(signature, what=f"the signature of {what}")
        return signed, Statement.decode(signed.statement, what=f"the signature of {what}")
    except Refused as error:
        raise Untrusted(error.message, hint=error.hint) from error


def _by_a_trusted_key(signed: Signed, purpose: Purpose, trusted: Trusted, what: str) -> None:
    """Raise Untrusted with what is wrong of each signature, unless one is right."""
    keys = {key.id: key for key in trusted.of(purpose)}
    if not keys:
        raise Untrusted(f"cannot trust {what}: no public key is known for {purpose!r}")
    wrong: list[str] = []
    for one in signed.signatures:
        public = keys.get(one.key)
        if public is None:
            other = trusted.purpose(one.key)
            wrong.append(f"the key {one.key!r} is {'not trusted' if other is None else f'for {other!r}'}")
        elif public.verifies(signed.message, one.value):
            return
        else:
            wrong.append(f"the signature by key {one.key!r} is wrong")
    raise Untrusted(f"cannot trust {what} for {purpose!r}: {'; '.join(wrong) or 'nobody signed it'}")
