"""What is trusted, and what is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline_gen.errors import UsageError
from shipping.records.signature import Purpose, Signature, Signed, Statement, message
from shipping.signing import Signer, Trusted, Untrusted, verify
from tests.shipping.signing.keys import APP, Ring, new_key

BODY = b'{"a":"manifest"}'
COMMIT = "a" * 40


def check(
    ring: Ring,
    signature: bytes | None,
    *,
    body: bytes = BODY,
    purposes: tuple[Purpose, ...] = ("main",),
    trusted: Trusted | None = None,
) -> Statement:
    trusted = trusted or ring.trusted
    return verify(body, signature, trusted=trusted, app=APP, purposes=purposes, commit=COMMIT, what="the manifest 'm'")


@pytest.mark.parametrize("purpose", ["main", "pr", "clearance"])
def test_what_its_own_key_signed_is_trusted(purpose: Purpose) -> None:
    """For this purpose, or where several are admitted."""
    ring = Ring()
    signed = ring.signer(purpose).sign(BODY, commit=COMMIT).encode()

    assert check(ring, signed, purposes=(purpose,)).purpose == purpose
    assert check(ring, signed, purposes=("clearance", "pr", "main")).commit == COMMIT


def test_every_flipped_bit_is_refused() -> None:
    """Of the body, and of the signature wherever it is: never a crash, never a yes."""
    ring = Ring()
    signed = ring.signer("main").sign(BODY, commit=COMMIT).encode()

    for number in range(len(BODY) * 8):
        with pytest.raises(Untrusted, match="its digest is"):
            check(ring, signed, body=flipped(BODY, number))
    same = 0
    for number in range(len(signed) * 8):
        try:
            check(ring, flipped(signed, number))
        except (Untrusted, UsageError):
            continue
        # The envelope is not signed: what is left is another spelling of the very same signature.
        assert Signed.decode(flipped(signed, number), what="it") == Signed.decode(signed, what="it")
        same += 1
    assert same < 8


def flipped(body: bytes, bit: int) -> bytes:
    changed = bytearray(body)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_no_signature() -> None:
    with pytest.raises(Untrusted, match="cannot trust the manifest 'm': it has no signature") as caught:
        check(Ring(), None)
    assert caught.value.hint
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"schema":1}',
        b'{"schema":1,"statement":1,"signatures":[]}',
        b"\xff" * 40,
        b"[" * 10**6,
    ],
)
def test_a_signature_that_is_none(garbage: bytes) -> None:
    with pytest.raises(Untrusted, match="truncated or damaged"):
        check(Ring(), garbage)


def test_a_signature_without_signatures() -> None:
    """A statement alone says nothing."""
    ring = Ring()
    signed = replace(ring.signer("main").sign(BODY, commit=COMMIT), signatures=())

    with pytest.raises(Untrusted, match="nobody signed it"):
        check(ring, signed.encode())


def test_a_key_that_nobody_trusts() -> None:
    ring, stranger = Ring(), new_key()
    signed = Signer(app=APP, purpose="main", key=stranger).sign(BODY, commit=COMMIT)

    with pytest.raises(Untrusted, match=f"for 'main': the key '{stranger.public.id}' is not trusted"):
        check(ring, signed.encode())


def test_a_stranger_under_a_trusted_keys_name() -> None:
    """The id is looked up, never believed."""
    ring = Ring()
    signed = Signer(app=APP, purpose="main", key=new_key()).sign(BODY, commit=COMMIT)
    named = replace(signed.signatures[0], key=ring.keys["main"].public.id)

    with pytest.raises(Untrusted, match=f"the signature by key '{named.key}' is wrong"):
        check(ring, replace(signed, signatures=(named,)).encode())


def test_a_pull_requests_slug_on_main() -> None:
    """What a pull request's builder signed is not for main, whatever it says."""
    ring = Ring()
    honest = ring.signer("pr").sign(BODY, commit=COMMIT)
    lying = Signer(app=APP, purpose="main", key=ring.keys["pr"]).sign(BODY, commit=COMMIT)

    with pytest.raises(Untrusted, match="for 'main': it was signed for 'pr'"):
        check(ring, honest.encode())
    with pytest.raises(Untrusted, match=r"for 'main': the key '\w+' is for 'pr'"):
        check(ring, lying.encode())


def test_a_manifests_signature_on_a_clearance() -> None:
    ring = Ring()

    with pytest.raises(Untrusted, match="for 'clearance': it was signed for 'main'"):
        check(ring, ring.signer("main").sign(BODY, commit=COMMIT).encode(), purposes=("clearance",))


def test_another_app_another_commit() -> None:
    """One key may sign for several apps, and for all commits: what it said of each counts."""
    ring = Ring()
    other_app = ring.signer("main", app="outbox").sign(BODY, commit=COMMIT)
    other_commit = ring.signer("main").sign(BODY, commit="b" * 40)

    with pytest.raises(Untrusted, match="it was signed for the app 'outbox', not 'inbox'"):
        check(ring, other_app.encode())
    with pytest.raises(Untrusted, match="it was signed for commit 'bbbbbbbbbbbb', not 'aaaaaaaaaaaa'"):
        check(ring, other_commit.encode())


def test_a_statement_that_was_changed_afterwards() -> None:
    """Its words are what is signed."""
    ring = Ring()
    signed = ring.signer("main").sign(BODY, commit="b" * 40)
    forged = replace(signed, statement=signed.statement.replace(b"b" * 40, b"a" * 40))

    with pytest.raises(Untrusted, match=r"the signature by key '\w+' is wrong"):
        check(ring, forged.encode())


def test_a_signature_over_something_else() -> None:
    """Bytes signed by the same key elsewhere, without our prefix, are no signature of ours."""
    ring = Ring()
    signed = ring.signer("main").sign(BODY, commit=COMMIT)
    bare = Signature(key=ring.keys["main"].public.id, value=ring.keys["main"].sign(signed.statement))

    assert message(signed.statement) != signed.statement
    with pytest.raises(Untrusted, match="is wrong"):
        check(ring, replace(signed, signatures=(bare,)).encode())


def test_keys_take_each_others_place() -> None:
    """While two are trusted, either will do; a signature of both serves hosts that know one."""
    old, new = new_key(), new_key()
    both, later = Trusted(keys=(("main", old.public), ("main", new.public))), Trusted(keys=(("main", new.public),))
    first = Signer(app=APP, purpose="main", key=old).sign(BODY, commit=COMMIT)
    second = Signer(app=APP, purpose="main", key=new).sign(BODY, commit=COMMIT)
    joined = Signed(statement=first.statement, signatures=(*first.signatures, *second.signatures)).encode()

    for trusted in (both, later):
        assert check(Ring(), joined, trusted=trusted).purpose == "main"
    assert check(Ring(), first.encode(), trusted=both).purpose == "main"
    with pytest.raises(Untrusted, match="is not trusted"):
        check(Ring(), first.encode(), trusted=later)


def test_no_key_for_the_purpose() -> None:
    """A host that trusts nobody for pull requests takes none of their slugs."""
    ring = Ring()
    trusted = Trusted(keys=(("main", ring.keys["main"].public),))

    with pytest.raises(Untrusted, match="no public key is known for 'pr'"):
        check(ring, ring.signer("pr").sign(BODY, commit=COMMIT).encode(), purposes=("pr",), trusted=trusted)


def test_a_newer_signature() -> None:
    """Is no damage: ship must be updated."""
    ring = Ring()
    data = json.loads(ring.signer("main").sign(BODY, commit=COMMIT).encode())

    with pytest.raises(UsageError, match="has schema 2"):
        check(ring, json.dumps({**data, "schema": 2}).encode())
