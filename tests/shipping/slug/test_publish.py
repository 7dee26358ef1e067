"""Into three buckets: blobs before the manifest, one bucket's outage no other's, and never damage passed on."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, Refused, UsageError
from shipping.local.objects import Fault
from shipping.slug import keys, zstd
from shipping.slug.archive import measure, stream
from shipping.slug.manifest import Layer, Manifest, admit
from shipping.slug.pack import Package
from shipping.slug.tree import expand
from shipping.slug.verify import verify
from tests.shipping.slug.shop import APP, Shop, checkout, whole

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.objects import ObjectServer


def test_every_bucket_has_the_slug(shop: Shop) -> None:
    """Published once, whole in each, and named by the release in the home bucket only."""
    built = shop.build("a" * 40)

    assert [one.faults for one in verify(shop.buckets, APP, built.manifest.slug, purpose="main")] == [(), (), ()]
    assert whole(shop.buckets)
    assert [place.blobs for place in built.placed] == [2, 2, 2]
    assert shop.buckets[0].get(keys.release(APP, "a" * 40)) is not None
    assert shop.buckets[1].get(keys.release(APP, "a" * 40)) is None


def test_pull_requests_release_nothing(shop: Shop) -> None:
    """Their slugs are published, and named by no commit."""
    shop.build("a" * 40, domain="pr")

    assert list(shop.buckets[0].list("inbox/releases/")) == []


def test_the_same_content_is_the_same_slug(shop: Shop) -> None:
    """A commit that changes nothing in the layers sends no byte and writes its own release."""
    first = shop.build("a" * 40)
    second = shop.build("b" * 40)

    assert first.manifest.slug == second.manifest.slug
    assert sum(place.sent for place in second.placed) == 0
    assert len(list(shop.buckets[0].list("inbox/releases/"))) == 2


def test_domains_are_apart_even_for_the_same_content(shop: Shop) -> None:
    """A slug of a pull request never becomes main's by having the same bytes."""
    pull_request = shop.build("a" * 40, domain="pr")
    main = shop.build("a" * 40)

    assert [layer.digest for layer in main.manifest.layers] == [layer.digest for layer in pull_request.manifest.layers]
    assert main.manifest.slug != pull_request.manifest.slug


def test_a_released_commit_is_not_built_again(shop: Shop) -> None:
    """A retry takes over the slug that is there."""
    first = shop.build("a" * 40)
    (shop.root / "inbox/web.py").write_text("what a dirty retry would build")

    again = shop.build("a" * 40)

    assert again.manifest == first.manifest
    assert shop.runs == 1


@pytest.mark.parametrize("kind", ["503", "cut-before"])
def test_one_bucket_down(shop: Shop, objects: ObjectServer, kind: str) -> None:
    """The others have the slug; the one that has not is named; the next publish copies it there, without a build."""
    down = shop.buckets[2]
    objects.faults.add(Fault(kind=kind, bucket=down.name, times=None))  # type: ignore[arg-type]

    built = shop.build("a" * 40)

    [missing] = built.missing
    assert missing.bucket == down.name
    assert isinstance(missing.error, InfraError)
    assert [one.faults for one in verify(shop.buckets[:2], APP, built.manifest.slug)] == [(), ()]
    objects.faults.clear()

    again = shop.build("a" * 40)

    assert again.missing == ()
    assert shop.runs == 1
    assert [place.blobs for place in again.placed] == [0, 0, 2]
    assert [one.faults for one in verify(shop.buckets, APP, built.manifest.slug)] == [(), (), ()]


def test_home_down(shop: Shop, objects: ObjectServer) -> None:
    """Without the home bucket there is no release: exit 3, to be retried, and the retry completes it."""
    objects.faults.add(Fault(kind="503", operation="put", bucket=shop.buckets[0].name, times=None))
    with pytest.raises(InfraError, match=shop.buckets[0].name):
        shop.build("a" * 40)
    objects.faults.clear()

    built = shop.build("a" * 40)

    assert [place.blobs for place in built.placed] == [2, 0, 0]
    assert whole(shop.buckets)


def test_a_bucket_that_does_not_exist(shop: Shop, objects: ObjectServer) -> None:
    """A wrong configuration is said as one, after the other buckets were served."""
    from shipping.s3 import connect

    with connect("nobodys-bucket", environment=objects.environment) as wrong:
        shop.buckets.append(wrong)
        with pytest.raises(UsageError, match="nobodys-bucket"):
            shop.build("a" * 40)
    del shop.buckets[-1]

    built = shop.build("a" * 40)
    assert sum(place.blobs for place in built.placed) == 0


@pytest.mark.parametrize(
    ("kind", "operation"),
    [("503", "put"), ("cut-after", "put"), ("cut-before", "head"), ("409", "put"), ("500", "get")],
)
def test_faults_that_pass(shop: Shop, objects: ObjectServer, kind: str, operation: str) -> None:
    """They are not seen in the result."""
    objects.faults.add(Fault(kind=kind, operation=operation, times=3 if kind != "cut-after" else 1))  # type: ignore[arg-type]

    built = shop.build("a" * 40)

    assert built.missing == ()
    assert [one.faults for one in verify(shop.buckets, APP, built.manifest.slug)] == [(), (), ()]


def test_racing_publishers(shop: Shop, tmp_path: Path) -> None:
    """Four jobs of one commit at once, each in its checkout: one slug, whole, named once."""
    racers = [Shop(root=checkout(tmp_path / str(number)), buckets=shop.buckets) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda racer: racer.build("a" * 40), racers))

    assert len({one.manifest.slug for one in built}) == 1
    assert whole(shop.buckets)


def test_another_build_released_the_commit_first(shop: Shop) -> None:
    """Its slug is taken over: a commit has one, also where builds do not repeat themselves."""

    def meddle(point: str) -> None:
        if point == "layer-recorded" and len(built) == 0:
            built.append(None)
            (shop.root / "inbox/web.py").write_text("other bytes")
            built.append(shop.build("a" * 40))

    built: list[object] = []
    late = shop.build("a" * 40, at=meddle)

    assert late.manifest == built[1].manifest  # type: ignore[attr-defined]
    assert any("taken over" in line for line in shop.said)


def test_a_damaged_copy_is_not_passed_on(shop: Shop, objects: ObjectServer) -> None:
    """Repairing a region from a bucket whose blob rotted is refused by name."""
    down = shop.buckets[1].name
    objects.faults.add(Fault(kind="503", bucket=down, times=None))
    built = shop.build("a" * 40)
    objects.faults.clear()
    key = built.manifest.layers[0].blob(APP)
    for bucket in (shop.buckets[0], shop.buckets[2]):
        body = b"".join(bucket.open(key) or ())
        bucket.ask("put_object", Key=key, Body=b"".join(zstd.compress([body])))

    with pytest.raises(Refused, match="cannot copy"):
        shop.build("a" * 40)
    assert shop.buckets[1].size(key) is None


def test_a_manifest_that_is_another_is_refused(shop: Shop) -> None:
    """What lies under a slug's name must be that slug."""
    built = shop.build("a" * 40)
    shop.buckets[1].ask("put_object", Key=built.manifest.key, Body=b'{"schema": 1')

    with pytest.raises(Refused, match="truncated or damaged"):
        shop.build("b" * 40)


def test_files_that_change_between_hashing_and_packing(shop: Shop) -> None:
    """No blob lies under a digest that it has not."""

    def meddle(point: str) -> None:
        if point == "layers-built":
            (shop.root / "inbox/web.py").write_text("print('WEB')")

    with pytest.raises(Refused, match="layer 'app': its files changed"):
        shop.build("a" * 40, at=meddle)
    assert not any("/manifests/" in key for bucket in shop.buckets for key in bucket.list(""))


def test_a_pull_requests_layer_offered_to_main(shop: Shop) -> None:
    """Refused by name, wherever it comes from."""
    layer = Layer(name="dependencies", domain="pr", digest="0" * 64, size=1, files=1)
    with pytest.raises(Refused, match="cannot use layer 'dependencies'"):
        admit(layer, "main")

    forged = Manifest(app=APP, domain="main", commit="a" * 40, layers=(layer,))
    shop.buckets[0].create(forged.key, forged.encode())
    shop.buckets[0].create(keys.release(APP, "a" * 40), json.dumps({"schema": 1, "slug": forged.slug}).encode())
    with pytest.raises(Refused, match="it was built for 'pr'"):
        shop.build("a" * 40)


def test_a_package_that_cannot_be_made(shop: Shop) -> None:
    """A full disk is infrastructure, told to every reader."""
    entries = expand(shop.root, ["inbox"])
    measured = measure(shop.root, entries)
    layer = Layer(name="app", domain="main", digest=measured.digest, size=measured.size, files=measured.files)
    package = Package(layer, shop.root, entries)
    package._file.close()
    package._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115, PTH123
    for _ in range(2):
        with pytest.raises(InfraError, match="could not pack layer 'app': No space left"):
            list(package.chunks())
    package.close()


def test_a_package_is_compressed_once_for_all(shop: Shop) -> None:
    """Several readers, each from the beginning, of bytes that are made meanwhile."""
    (shop.root / "big").write_bytes(b"0123456789abcdef" * 400_000)
    entries = expand(shop.root, ["big"])
    measured = measure(shop.root, entries)
    layer = Layer(name="app", domain="main", digest=measured.digest, size=measured.size, files=1)
    package = Package(layer, shop.root, entries)
    try:
        with ThreadPoolExecutor(4) as pool:
            read = list(pool.map(lambda _: b"".join(package.chunks()), range(4)))
        assert len(set(read)) == 1
        assert b"".join(zstd.decompress(iter([read[0]]))) == b"".join(stream(shop.root, entries))
        assert package.packed == len(read[0])
    finally:
        package.close()
