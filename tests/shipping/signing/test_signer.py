"""The signature beside what it is of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from shipping.memory import MemoryStore
from shipping.records import signature
from shipping.records.signature import Signed
from shipping.signing import Signer, Trusted, verify
from tests.shipping.signing.keys import APP, Ring, new_key

if TYPE_CHECKING:
    from shipping.s3 import Bucket
    from shipping.signing.private import FileKey

BODY, COMMIT, KEY = b"body", "a" * 40, "inbox/manifests/x.json"


def trusted_by(key: FileKey, found: bytes | None) -> bool:
    trusted = Trusted(keys=(("main", key.public),))
    said = verify(BODY, found, trusted=trusted, app=APP, purposes=("main",), what="it")
    return said.commit == COMMIT


def test_it_is_placed_once(bucket: Bucket) -> None:
    """A second run finds it and writes nothing."""
    ring = Ring()
    signer = ring.signer("main")

    signer.place(bucket, KEY, BODY, commit=COMMIT)
    first = bucket.get(signature.key(KEY))
    signer.place(bucket, KEY, BODY, commit=COMMIT)

    assert first is not None
    assert bucket.get(signature.key(KEY)) == first
    assert trusted_by(ring.keys["main"], first.body)


def test_many_keys_sign_at_once() -> None:
    """No signature is lost, whoever is first."""
    store, keys = MemoryStore(), [new_key() for _ in range(8)]

    with ThreadPoolExecutor(len(keys)) as pool:
        list(
            pool.map(
                lambda key: Signer(app=APP, purpose="main", key=key).place(store, KEY, BODY, commit=COMMIT), keys * 3
            )
        )

    stored = store.get(signature.key(KEY))
    assert stored is not None
    assert len(Signed.decode(stored.body, what="it").signatures) == len(keys)
    assert all(trusted_by(key, stored.body) for key in keys)


@pytest.mark.parametrize("there", [b"", b"garbage", b"of another"])
def test_what_is_no_signature_of_it_gives_way(there: bytes) -> None:
    """Damage, or the signature of other bytes, does not keep ours from its place."""
    store, ring = MemoryStore(), Ring()
    if there == b"of another":
        there = ring.signer("main").sign(b"another", commit=COMMIT).encode()
    store.create(signature.key(KEY), there)

    ring.signer("main").place(store, KEY, BODY, commit=COMMIT)

    stored = store.get(signature.key(KEY))
    assert stored is not None
    assert trusted_by(ring.keys["main"], stored.body)


def test_a_wrong_value_under_our_own_name_is_replaced() -> None:
    """It is verified, not only looked for."""
    store, ring = MemoryStore(), Ring()
    signed = ring.signer("main").sign(BODY, commit=COMMIT)
    broken = signature.Signature(key=signed.signatures[0].key, value=bytes(64))
    store.create(signature.key(KEY), Signed(statement=signed.statement, signatures=(broken,)).encode())

    ring.signer("main").place(store, KEY, BODY, commit=COMMIT)

    stored = store.get(signature.key(KEY))
    assert stored is not None
    assert Signed.decode(stored.body, what="it") == signed


def test_others_who_never_stop_writing() -> None:
    """It ends, and says so: safe to retry."""

    class Restless(MemoryStore):
        """A store in which somebody else is always faster."""

        def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:
            return None if version is None else super().replace(key, body, version="other")

    with pytest.raises(InfraError, match="others write its signature"):
        Ring().signer("main").place(Restless(), KEY, BODY, commit=COMMIT)
