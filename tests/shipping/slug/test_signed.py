"""Slugs that are signed: in every bucket, before anything names them; and what is refused where keys are set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import Refused
from shipping.records import signature
from shipping.records.signature import Signed
from shipping.signing import Signer, Trusted, Untrusted
from shipping.slug import fetch, keys
from shipping.slug.manifest import Layer, Manifest
from shipping.slug.publish import publish
from shipping.slug.verify import verify
from tests.shipping.signing.keys import Ring, new_key
from tests.shipping.slug.shop import APP, Shop, whole

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.s3 import Bucket


@pytest.fixture
def ring(shop: Shop) -> Ring:
    shop.ring = Ring()
    return shop.ring


def replace(bucket: Bucket, key: str, body: bytes) -> None:
    """Write over an object, as somebody with the right to write may."""
    bucket.ask("put_object", Key=key, Body=body)


def remove(bucket: Bucket, key: str) -> None:
    bucket.ask("delete_object", Key=key)


def body_of(bucket: Bucket, key: str) -> bytes:
    stored = bucket.get(key)
    assert stored is not None
    return stored.body


@pytest.mark.parametrize("domain", ["main", "pr"])
def test_every_bucket_has_the_signature(shop: Shop, ring: Ring, tmp_path: Path, domain: str) -> None:
    """And a host with public keys unpacks it."""
    built = shop.build(domain="main" if domain == "main" else "pr").manifest

    checked = verify(shop.buckets, APP, built.slug, trusted=ring.trusted, purpose=built.domain)
    assert [one.faults for one in checked] == [(), (), ()]
    fetch.fetch(shop.buckets[2], APP, built.slug, tmp_path / "out", trusted=ring.trusted, purpose=built.domain)
    assert (tmp_path / "out/inbox/web.py").exists()
    assert whole(shop.buckets)


@pytest.mark.usefixtures("ring")
def test_the_order_of_writes(shop: Shop) -> None:
    """Blobs, manifest, signature, release: when a release names it, its signature is there in every bucket."""
    seen: list[tuple[str, bool]] = []

    def at(point: str) -> None:
        if point in {"manifest-written", "signature-written", "buckets-complete"}:
            signed = all(any(key.endswith(".sig") for key in one.list("inbox/manifests/")) for one in shop.buckets)
            released = bool(list(shop.buckets[0].list("inbox/releases/")))
            seen.append((point, signed))
            assert not released

    shop.build(at=at)

    assert seen[-1] == ("buckets-complete", True)
    assert ("manifest-written", False) in seen


def test_nothing_is_signed_without_keys(shop: Shop) -> None:
    """And then nothing asks for it; who does, is told."""
    built = shop.build().manifest

    assert not any(key.endswith(".sig") for key in shop.buckets[0].list(""))
    with pytest.raises(Untrusted, match="it has no signature"):
        fetch.manifest(shop.buckets[0], APP, built.slug, purpose="main", trusted=Ring().trusted)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("flipped byte of the manifest", "its digest is"),
        ("flipped byte of the signature", "is wrong"),
        ("no signature", "it has no signature"),
        ("another slug's signature", "its digest is"),
        ("a stranger's signature", "is not trusted"),
        ("a pull request's key", "is for 'pr'"),
        ("the clearance's key", "is for 'clearance'"),
        ("another app's signature", "it was signed for the app 'outbox'"),
        ("another commit's signature", "signed for 'main' of 'bbbbbbbbbbbb'"),
    ],
)
def test_what_is_refused(shop: Shop, ring: Ring, tmp_path: Path, harm: str, said: str) -> None:
    """By name, before a byte of a layer is read; `verify` says the same; the other buckets are as they were."""
    built = shop.build().manifest
    spoil(shop, ring, built, harm)
    bucket = shop.buckets[1]

    with pytest.raises(Untrusted, match=said):
        fetch.fetch(bucket, APP, built.slug, tmp_path / "out", purpose="main", trusted=ring.trusted)

    assert not (tmp_path / "out").exists()
    checked = verify(shop.buckets, APP, built.slug, purpose="main", trusted=ring.trusted)
    assert [len(one.faults) for one in checked] == [0, 1, 0]
    assert said.partition("'")[0] in checked[1].faults[0].message


def spoil(shop: Shop, ring: Ring, built: Manifest, harm: str) -> None:
    """Do harm in the second bucket."""
    bucket, where = shop.buckets[1], signature.key(built.key)
    manifest = body_of(bucket, built.key)
    if harm == "flipped byte of the manifest":
        replace(bucket, built.key, manifest.replace(b'"ship":"0', b'"ship":"1'))
    elif harm == "no signature":
        remove(bucket, where)
    elif harm == "another slug's signature":
        replace(bucket, where, ring.signer("main").sign(b"another", commit=built.commit).encode())
    elif harm == "flipped byte of the signature":
        replace(bucket, where, flipped(body_of(bucket, where)))
    else:
        signer, commit = {
            "a stranger's signature": (Signer(app=APP, purpose="main", key=new_key()), built.commit),
            "a pull request's key": (Signer(app=APP, purpose="main", key=ring.keys["pr"]), built.commit),
            "the clearance's key": (Signer(app=APP, purpose="main", key=ring.keys["clearance"]), built.commit),
            "another app's signature": (ring.signer("main", app="outbox"), built.commit),
            "another commit's signature": (ring.signer("main"), "b" * 40),
        }[harm]
        replace(bucket, where, signer.sign(manifest, commit=commit).encode())


def flipped(body: bytes) -> bytes:
    """Return a signature of which one bit is another."""
    signed = Signed.decode(body, what="it")
    value = bytearray(signed.signatures[0].value)
    value[9] ^= 1
    broken = signature.Signature(key=signed.signatures[0].key, value=bytes(value))
    return Signed(statement=signed.statement, signatures=(broken,)).encode()


def test_a_pull_requests_slug_is_not_mains(shop: Shop, ring: Ring) -> None:
    """It is signed, and for something else; main's are good for pull requests."""
    theirs, ours = shop.build(domain="pr").manifest, shop.build().manifest

    with pytest.raises(Untrusted, match="for 'main': it was signed for 'pr'"):
        fetch.manifest(shop.buckets[0], APP, theirs.slug, purpose="main", trusted=ring.trusted)
    assert fetch.manifest(shop.buckets[0], APP, theirs.slug, purpose="pr", trusted=ring.trusted) == theirs
    assert fetch.manifest(shop.buckets[0], APP, ours.slug, purpose="pr", trusted=ring.trusted) == ours


def test_a_signature_for_another_domain_than_the_manifests(shop: Shop, ring: Ring) -> None:
    """A builder of pull requests cannot sign a manifest that says main, even for itself."""
    layer = Layer(name="app", domain="main", digest="0" * 64, size=1, files=1)
    forged = Manifest(app=APP, domain="main", commit="a" * 40, layers=(layer,))
    body = forged.encode()
    shop.buckets[0].create(forged.key, body)
    ring.signer("pr").place(shop.buckets[0], forged.key, body, commit="a" * 40)

    with pytest.raises(Untrusted, match=r"it was built for 'main'.* and signed for 'pr'"):
        fetch.manifest(shop.buckets[0], APP, forged.slug, trusted=ring.trusted)
    with pytest.raises(Refused, match="the key is for 'pr'"):
        publish(forged, {}, shop.buckets[:1], signer=ring.signer("pr"), at=lambda _point: None)


def test_a_slug_that_several_commits_share(shop: Shop, ring: Ring) -> None:
    """Its manifest is the first commit's, and so is what is signed; a bucket that came later has its own."""
    shop.buckets, all_of_them = shop.buckets[:2], shop.buckets
    first = shop.build("a" * 40).manifest
    shop.buckets = all_of_them
    second = shop.build("b" * 40).manifest

    assert first.slug == second.slug
    commits = [
        fetch.manifest(bucket, APP, first.slug, purpose="main", trusted=ring.trusted).commit for bucket in shop.buckets
    ]
    assert commits == ["a" * 40, "a" * 40, "b" * 40]


def test_keys_take_each_others_place(shop: Shop, ring: Ring) -> None:
    """With the new key beside the old, what is published again has both signatures; then the old one may go."""
    old = ring.keys["main"]
    built = shop.build("a" * 40).manifest
    new = new_key()
    shop.ring = Ring(keys={**ring.keys, "main": new})
    both = Trusted(keys=(*ring.trusted.keys, ("main", new.public)))

    with pytest.raises(Untrusted, match="is not trusted"):
        fetch.manifest(shop.buckets[0], APP, built.slug, purpose="main", trusted=shop.ring.trusted)
    assert fetch.manifest(shop.buckets[0], APP, built.slug, purpose="main", trusted=both) == built
    shop.build("b" * 40)

    for trusted in (ring.trusted, shop.ring.trusted):
        assert fetch.manifest(shop.buckets[1], APP, built.slug, purpose="main", trusted=trusted).slug == built.slug
    signed = Signed.decode(body_of(shop.buckets[1], signature.key(built.key)), what="it")
    assert [one.key for one in signed.signatures] == [old.public.id, new.public.id]


def test_a_release_from_before_there_were_keys(shop: Shop) -> None:
    """Is built again, and signed if it is the very same; then it is what it was."""
    built = shop.build("a" * 40)
    shop.ring = Ring()

    again = shop.build("a" * 40)

    assert again.manifest.slug == built.manifest.slug
    assert any("it has no signature: it is built again" in line for line in shop.said)
    checked = verify(shop.buckets, APP, built.manifest.slug, purpose="main", trusted=shop.ring.trusted)
    assert [one.faults for one in checked] == [(), (), ()]


def test_a_release_that_somebody_else_wrote(shop: Shop, ring: Ring) -> None:
    """Who may write to the bucket cannot have the builder sign what it did not build."""
    (shop.root / "inbox/web.py").write_text("import evil")
    shop.ring = None
    planted = shop.build("a" * 40).manifest
    shop.ring = ring
    (shop.root / "inbox/web.py").write_text("print('web')")

    with pytest.raises(Refused, match="released as another, which no trusted key signed"):
        shop.build("a" * 40)

    assert shop.buckets[0].get(signature.key(planted.key)) is None


@pytest.mark.usefixtures("ring")
def test_a_layer_record_that_somebody_else_wrote(shop: Shop) -> None:
    """Nor smuggle a layer in by saying that these inputs made it: it is built again."""
    built = shop.build("a" * 40).manifest
    [record] = [key for key in shop.buckets[0].list("inbox/layers/main/dependencies/") if not key.endswith(".sig")]
    planted = {**json.loads(body_of(shop.buckets[0], record)), "digest": built.layers[1].digest}
    replace(shop.buckets[0], record, json.dumps(planted).encode())

    again = shop.build("b" * 40)

    assert again.manifest.slug == built.slug
    assert shop.runs == 2
    assert any("cannot trust the record of layer 'dependencies'" in line for line in shop.said)


@pytest.mark.usefixtures("ring")
def test_a_layer_record_under_another_key(shop: Shop) -> None:
    """A signed record of older inputs, moved to where newer ones are looked for, is not theirs."""
    shop.build("a" * 40)
    [old] = [key for key in shop.buckets[0].list("inbox/layers/main/dependencies/") if not key.endswith(".sig")]
    (shop.root / "requirements.lock").write_text("one==2")
    from pipeline_gen.shell import LocalShell
    from shipping.slug import inputs

    digest = inputs.digest(shop.layers[0], shop.root, LocalShell())
    assert digest is not None
    moved = keys.layer(APP, "main", "dependencies", digest)
    for suffix in ("", ".sig"):
        replace(shop.buckets[0], moved + suffix, body_of(shop.buckets[0], old + suffix))

    shop.build("b" * 40)

    assert shop.runs == 2


@pytest.mark.usefixtures("ring")
def test_a_signed_layer_is_reused(shop: Shop) -> None:
    """Signatures cost no build."""
    shop.build("a" * 40)
    (shop.root / "inbox/web.py").write_text("print('other')")

    shop.build("b" * 40)
    shop.build("c" * 40, domain="pr")

    assert shop.runs == 1


@pytest.mark.usefixtures("ring")
def test_a_manifest_that_says_other_sizes(shop: Shop) -> None:
    """Sizes are no part of a slug's id; nobody gets them signed by being first."""
    honest = shop.build("a" * 40, domain="pr").manifest
    layers = tuple(Layer(**{**layer.to_json(), "domain": "pr", "size": layer.size + 1}) for layer in honest.layers)
    lie = Manifest(app=APP, domain="pr", commit="a" * 40, layers=layers)
    assert lie.slug == honest.slug
    for bucket in shop.buckets:
        replace(bucket, lie.key, lie.encode())
        remove(bucket, signature.key(lie.key))

    with pytest.raises(Refused, match=r"says \d+ bytes in \d+ files of layer"):
        shop.build("a" * 40, domain="pr")
    assert all(bucket.get(signature.key(lie.key)) is None for bucket in shop.buckets)
