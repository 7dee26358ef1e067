"""Back on a disk: whole and checked, or not there."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, Refused, UsageError
from shipping.local.objects import Fault
from shipping.slug import fetch, zstd
from shipping.slug.archive import measure, stream
from shipping.slug.manifest import Layer, Manifest
from shipping.slug.tree import expand
from shipping.slug.verify import verify
from tests.shipping.slug.shop import APP, Shop, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer


@pytest.fixture
def shop(objects: ObjectServer, tmp_path: Path) -> Iterator[Shop]:
    """Home and one region: what is harmed lies in the second."""
    with open_shop(objects, tmp_path / "checkout", buckets=2) as shop:
        yield shop


def test_the_folder_is_what_was_built(shop: Shop, tmp_path: Path) -> None:
    """Every layer's files, modes and links."""
    built = shop.build()

    found = fetch.fetch(shop.buckets[1], APP, built.manifest.slug, tmp_path / "out", purpose="main")

    assert found == built.manifest
    kept = ["vendor", "inbox/**", "bin/*"]
    assert expand(tmp_path / "out", ["."]) == expand(shop.root, kept)
    assert measure(tmp_path / "out", expand(tmp_path / "out", kept)) == measure(shop.root, expand(shop.root, kept))


def damage(shop: Shop, built: Manifest, how: str) -> None:
    """Harm the slug in the second bucket."""
    bucket, blob = shop.buckets[1], built.layers[0].blob(APP)
    body = b"".join(bucket.open(blob) or ())
    manifest = bucket.get(built.key)
    assert manifest is not None
    match how:
        case "flipped byte":
            _put(shop, blob, body[: len(body) // 2] + bytes([body[len(body) // 2] ^ 1]) + body[len(body) // 2 + 1 :])
        case "other content":
            plain = bytearray(b"".join(zstd.decompress(iter([body]))))
            plain[600] ^= 1
            _put(shop, blob, b"".join(zstd.compress([bytes(plain)])))
        case "truncated blob":
            _put(shop, blob, body[:-30])
        case "empty blob":
            _put(shop, blob, b"")
        case "longer blob":
            _put(shop, blob, b"".join(zstd.compress([*zstd.decompress(iter([body])), bytes(10)])))
        case "missing blob":
            bucket.ask("delete_object", Key=blob)
        case "truncated manifest":
            _put(shop, built.key, manifest.body[:-20])
        case "missing manifest":
            bucket.ask("delete_object", Key=built.key)
        case _:
            data = json.loads(manifest.body)
            data["layers"][0]["digest"] = "0" * 64
            _put(shop, built.key, json.dumps(data).encode())


DAMAGES = [
    ("flipped byte", "layer 'dependencies'"),
    ("other content", "layer 'dependencies'"),
    ("truncated blob", "layer 'dependencies'"),
    ("empty blob", "layer 'dependencies'"),
    ("longer blob", "layer 'dependencies'"),
    ("missing blob", "cannot find layer 'dependencies'"),
    ("truncated manifest", "truncated or damaged"),
    ("missing manifest", "it has no manifest there"),
    ("another manifest", "its content is that of slug"),
]


@pytest.mark.parametrize(("how", "told"), DAMAGES)
def test_damage_is_refused_by_name(shop: Shop, tmp_path: Path, how: str, told: str) -> None:
    """Fetch leaves nothing on the disk; verify finds it in the bucket where it is, and only there."""
    built = shop.build().manifest
    damage(shop, built, how)

    with pytest.raises(Refused, match=told) as refused:
        fetch.fetch(shop.buckets[1], APP, built.slug, tmp_path / "out")
    home, harmed = verify(shop.buckets, APP, built.slug)

    assert shop.buckets[1].name in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["checkout"]
    assert home.faults == ()
    assert told in str(harmed.faults[0])


def test_one_byte_anywhere(shop: Shop, tmp_path: Path) -> None:
    """Wherever a byte of the blob flips, the slug is refused."""
    built = shop.build().manifest
    blob = built.layers[1].blob(APP)
    whole = b"".join(shop.buckets[1].open(blob) or ())
    for position in range(0, len(whole), len(whole) // 20):
        body = bytearray(whole)
        body[position] ^= 0x10
        _put(shop, blob, bytes(body))

        with pytest.raises(Refused, match="layer 'app'"):
            fetch.fetch(shop.buckets[1], APP, built.slug, tmp_path / "out")


def test_a_slug_of_a_pull_request_is_not_for_main(shop: Shop, tmp_path: Path) -> None:
    """Refused by fetch and verify alike."""
    built = shop.build(domain="pr").manifest

    with pytest.raises(Refused, match="for 'main': it was built for 'pr'"):
        fetch.fetch(shop.buckets[0], APP, built.slug, tmp_path / "out", purpose="main")
    assert "for 'main'" in str(verify(shop.buckets, APP, built.slug, purpose="main")[0].faults[0])


def test_a_path_in_two_layers_is_refused(shop: Shop, tmp_path: Path) -> None:
    """Even if whoever published it did not look."""
    layers = []
    for name, path in (("one", "inbox"), ("two", "inbox/web.py")):
        entries = expand(shop.root, [path])
        measured = measure(shop.root, entries)
        layer = Layer(name=name, domain="main", digest=measured.digest, size=measured.size, files=measured.files)
        packed = b"".join(zstd.compress(stream(shop.root, entries)))
        shop.buckets[0].create(layer.blob(APP), packed)
        layers.append(layer)
    forged = Manifest(app=APP, domain="main", commit="a" * 40, layers=tuple(layers))
    shop.buckets[0].create(forged.key, forged.encode())

    with pytest.raises(Refused, match="two layers"):
        fetch.fetch(shop.buckets[0], APP, forged.slug, tmp_path / "out")


def test_an_archive_that_means_harm(shop: Shop, tmp_path: Path) -> None:
    """Its digest may be right: whoever published it is not trusted with other folders."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as tar:
        info = tarfile.TarInfo("out")
        info.type, info.linkname = tarfile.SYMTYPE, "../../.."
        tar.addfile(info)
    import hashlib

    digest = hashlib.sha256(body.getvalue()).hexdigest()
    layer = Layer(name="app", domain="main", digest=digest, size=len(body.getvalue()), files=1)
    forged = Manifest(app=APP, domain="main", commit="a" * 40, layers=(layer,))
    shop.buckets[0].create(layer.blob(APP), b"".join(zstd.compress([body.getvalue()])))
    shop.buckets[0].create(forged.key, forged.encode())

    with pytest.raises(Refused, match=r"layer 'app'.*out of the slug"):
        fetch.fetch(shop.buckets[0], APP, forged.slug, tmp_path / "out")


def test_a_folder_that_is_there(shop: Shop, tmp_path: Path) -> None:
    """Is not touched."""
    built = shop.build().manifest

    with pytest.raises(UsageError, match="it is there already"):
        fetch.fetch(shop.buckets[0], APP, built.slug, tmp_path)


def test_what_a_killed_fetch_left_is_replaced(shop: Shop, tmp_path: Path) -> None:
    """Its half folder has another name."""
    built = shop.build().manifest
    (tmp_path / "out.tmp").mkdir()
    (tmp_path / "out.tmp/stale").write_text("")

    fetch.fetch(shop.buckets[0], APP, built.slug, tmp_path / "out")

    assert not (tmp_path / "out/stale").exists()


def test_a_disk_that_is_too_small(shop: Shop, tmp_path: Path) -> None:
    """Is told before the first byte."""
    layer = Layer(name="app", domain="main", digest="0" * 64, size=2**60, files=1)
    huge = Manifest(app=APP, domain="main", commit="a" * 40, layers=(layer,))
    shop.buckets[0].create(huge.key, huge.encode())

    with pytest.raises(InfraError, match="MB are free"):
        fetch.fetch(shop.buckets[0], APP, huge.slug, tmp_path / "out")
    assert not (tmp_path / "out.tmp").exists()


def test_a_place_that_cannot_be_written(shop: Shop, tmp_path: Path) -> None:
    """A file where a folder should be, a read-only disk: said, not a stack trace."""
    built = shop.build().manifest
    (tmp_path / "file").write_text("")

    with pytest.raises(InfraError, match="could not unpack slug"):
        fetch.fetch(shop.buckets[0], APP, built.slug, tmp_path / "file/out")


@pytest.mark.parametrize("kind", ["503", "cut-half", "delay"])
def test_faults_that_pass(shop: Shop, objects: ObjectServer, tmp_path: Path, kind: str) -> None:
    """Ranges are asked for again."""
    built = shop.build().manifest
    objects.faults.add(Fault(kind=kind, operation="get", key="*/blobs/*", times=2, seconds=0.05))  # type: ignore[arg-type]

    fetch.fetch(shop.buckets[0], APP, built.slug, tmp_path / "out")

    assert (tmp_path / "out/inbox/static/index.html").read_text() == "<p>hello"


def _put(shop: Shop, key: str, body: bytes) -> None:
    shop.buckets[1].ask("put_object", Key=key, Body=body)
