"""What a host refuses, by name, while the release before serves on."""

from __future__ import annotations

import hashlib
import re
import resource
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from tarfile import SYMTYPE, TarFile, TarInfo
from typing import TYPE_CHECKING

import pytest

from shipping.host.blobs import RATIO_FROM
from shipping.lane import keys
from shipping.lane.machine import Wanted
from shipping.local.objects import Fault
from shipping.slug import zstd
from shipping.slug.manifest import Layer, Manifest
from tests.shipping.host.site import ENVIRONMENT, WEB, Machine, Site, open_site
from tests.shipping.signing.keys import Ring
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer


@pytest.fixture
def site(objects: ObjectServer, tmp_path: Path) -> Iterator[Site]:
    with open_site(objects, tmp_path) as site:
        yield site


def put(site: Site, key: str, body: bytes) -> None:
    """Write an object, whatever is there."""
    stored = site.bucket.get(key)
    assert site.bucket.replace(key, body, version=None if stored is None else stored.version) is not None


def manifest(site: Site, wanted: Wanted) -> Manifest:
    stored = site.bucket.get(f"{APP}/manifests/{wanted.slug}.json")
    assert stored is not None
    return Manifest.decode(stored.body, app=APP, slug=wanted.slug, where="here")


def fresh(site: Site, slug: str) -> Wanted:
    """Clear a slug as a commit that nobody built it of."""
    site.commits += 1
    return site.clear(Wanted(commit=f"{site.commits:040x}", slug=slug, position=site.commits))


def a_flipped_byte(site: Site) -> Wanted:
    wanted = site.publish()
    key = manifest(site, wanted).layers[1].blob(APP)
    stored = site.bucket.get(key)
    assert stored is not None
    middle = len(stored.body) // 2
    put(site, key, stored.body[:middle] + bytes([stored.body[middle] ^ 1]) + stored.body[middle + 1 :])
    return wanted


def a_slug_of_a_pull_request(site: Site) -> Wanted:
    return site.publish(domain="pr")


def no_manifest(site: Site) -> Wanted:
    return fresh(site, "9" * 64)


def no_clearance(site: Site) -> Wanted:
    wanted = site.publish()
    site.bucket.ask("delete_object", Key=keys.clearance(APP, wanted.commit))
    return wanted


def a_clearance_of_another_slug(site: Site) -> Wanted:
    """Who may write lanes must not bring back an old slug under the name of a new commit."""
    return replace(site.publish(), slug=site.publish().slug)


def a_clearance_of_another_commit(site: Site) -> Wanted:
    wanted, other = site.publish(), site.publish()
    stored = site.bucket.get(keys.clearance(APP, other.commit))
    assert stored is not None
    put(site, keys.clearance(APP, wanted.commit), stored.body)
    return wanted


def a_damaged_clearance(site: Site) -> Wanted:
    wanted = site.publish()
    put(site, keys.clearance(APP, wanted.commit), b'{"schema": 1')
    return wanted


def another_manifest(site: Site) -> Wanted:
    one, other = site.publish(), site.publish()
    stored = site.bucket.get(f"{APP}/manifests/{one.slug}.json")
    assert stored is not None
    put(site, f"{APP}/manifests/{other.slug}.json", stored.body)
    return other


def a_slug_without_processes(site: Site) -> Wanted:
    site.shop.processes = ()
    return site.publish()


def crafted(site: Site, members: list[tuple[TarInfo, bytes]]) -> Wanted:
    """Publish a slug whose one layer is this archive, with all its digests right."""
    archive = BytesIO()
    with TarFile(fileobj=archive, mode="w") as tar:
        for member, body in members:
            member.size = len(body)
            tar.addfile(member, BytesIO(body))
    stream = archive.getvalue()
    layer = Layer(
        name="app", domain="main", digest=hashlib.sha256(stream).hexdigest(), size=len(stream), files=len(members)
    )
    put(site, layer.blob(APP), b"".join(zstd.compress([stream])))
    return named(site, layer)


def named(site: Site, layer: Layer) -> Wanted:
    """Publish a manifest with this one layer."""
    made = replace(manifest(site, site.publish()), layers=(layer,))
    put(site, made.key, made.encode())
    return fresh(site, made.slug)


def a_path_that_leads_out(site: Site) -> Wanted:
    return crafted(site, [(TarInfo("../../outside"), b"harm")])


def a_link_that_leads_out(site: Site) -> Wanted:
    link = TarInfo("inbox")
    link.type, link.linkname = SYMTYPE, "../../../.."
    return crafted(site, [(link, b"")])


def a_file_below_a_link(site: Site) -> Wanted:
    link = TarInfo("way")
    link.type, link.linkname = SYMTYPE, "inbox"
    return crafted(site, [(link, b""), (TarInfo("way/outside"), b"harm")])


def a_bomb(site: Site) -> Wanted:
    """Announce what it is: its size is not believed, but counted."""
    layer = Layer(name="app", domain="main", digest="7" * 64, size=RATIO_FROM, files=1)
    put(site, layer.blob(APP), b"".join(zstd.compress([bytes(1024)])))
    return named(site, layer)


def a_bomb_that_lies(site: Site) -> Wanted:
    stream = bytes(8 * 1024 * 1024)
    layer = Layer(name="app", domain="main", digest=hashlib.sha256(stream).hexdigest(), size=4096, files=1)
    put(site, layer.blob(APP), b"".join(zstd.compress([stream])))
    return named(site, layer)


def more_than_any_disk(site: Site) -> Wanted:
    return named(site, Layer(name="app", domain="main", digest="7" * 64, size=10**15, files=1))


CASES: list[tuple[Callable[[Site], Wanted], str]] = [
    (a_flipped_byte, "cannot use layer 'app'"),
    (a_slug_of_a_pull_request, "it was built for 'pr'"),
    (no_manifest, "it has no manifest there"),
    (no_clearance, "cannot run '000000000000' of 'inbox': it has no clearance"),
    (a_clearance_of_another_slug, "it is cleared as slug"),
    (a_clearance_of_another_commit, "it is of commit"),
    (a_damaged_clearance, "it is truncated or damaged"),
    (another_manifest, "its content is that of slug"),
    (a_slug_without_processes, "it names no processes"),
    (a_path_that_leads_out, "the path '../../outside' leads out of the slug"),
    (a_link_that_leads_out, "the link 'inbox' points to '../../../..', out of the slug"),
    (a_file_below_a_link, "a folder above it is a file of another layer|it is in two layers|below another link"),
    (a_bomb, "more than 500 for each"),
    (a_bomb_that_lies, "it is longer than the manifest says"),
    (more_than_any_disk, "a host takes"),
]


@pytest.mark.parametrize(("make", "told"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_refused(site: Site, make: Callable[[Site], Wanted], told: str) -> None:
    """Acked as failed with the reason in the beacon; nothing of it is left; the next good release is taken."""
    host = Machine(site=site)
    first = site.publish()
    site.flip(first)
    daemon = host.start()
    host.turn(daemon)
    pointer = site.flip(make(site))

    host.turn(daemon, 3)

    assert host.serves() == ["print(1)"]
    assert site.acks(pointer) == ["failed"]
    assert re.search(told, site.beacon().why), site.beacon().why
    assert host.kept() == {first.slug}
    assert list((host.folder / "incoming").iterdir()) == []
    assert not list(site.folder.rglob("outside"))

    site.shop.processes = (WEB,)
    site.flip(replace(site.publish("print('good')"), position=99))
    host.turn(daemon)
    assert host.serves() == ["print('good')"]


def test_a_blob_that_is_mended_is_taken(site: Site) -> None:
    """`ship slug copy` or the next publish repairs the bucket; the host tries again by itself."""
    host = Machine(site=site)
    daemon = host.start()
    wanted = site.publish()
    key = manifest(site, wanted).layers[0].blob(APP)
    stored = site.bucket.get(key)
    assert stored is not None
    put(site, key, b"damaged")
    pointer = site.flip(wanted)
    host.turn(daemon)
    assert site.acks(pointer) == ["failed"]
    put(site, key, stored.body)

    host.clock.sleep(300)
    host.turn(daemon)

    assert host.serves() == ["print(1)"]
    assert "complete" in site.acks(pointer)


def test_only_what_is_signed_for_main_is_run_once_there_are_keys(site: Site) -> None:
    """No signature, one of a pull request's key, one of other bytes: refused; the right one is taken."""
    ring = Ring()
    site.signer = ring.signer("clearance")
    host = Machine(site=site, trusted=ring.trusted)
    daemon = host.start()
    unsigned, by_pr, other, right = (site.publish() for _ in range(4))
    for wanted, signer in ((by_pr, ring.signer("pr")), (right, ring.signer("main"))):
        found = manifest(site, wanted)
        signer.place(site.bucket, found.key, found.encode(), commit=wanted.commit)
    ring.signer("main").place(site.bucket, manifest(site, other).key, b"other bytes", commit=other.commit)

    for wanted, told in ((unsigned, "it has no signature"), (by_pr, "signed for 'pr'"), (other, "the signature is of")):
        pointer = site.flip(wanted)
        host.turn(daemon)
        assert site.acks(pointer) == ["failed"]
        assert told in site.beacon().why
        assert host.serves() == []

    site.flip(right)
    host.turn(daemon)
    assert host.serves() == ["print(4)"]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("unsigned", "it has no signature"),
        ("wrong key", "is not trusted"),
        ("a builder's key", "it was signed for 'main'"),
        ("flipped byte", "its digest is"),
    ],
)
def test_only_what_is_cleared_by_its_key_is_run_once_there_are_keys(site: Site, harm: str, told: str) -> None:
    """Although the slug is signed for main, and was fetched before it was wanted. It is not tried again at each poll."""
    ring = Ring()
    site.signer = ring.signer("clearance")
    host = Machine(site=site, trusted=ring.trusted)
    site.shop.ring = ring
    first = site.publish()
    site.flip(first)
    daemon = host.start()
    host.turn(daemon)
    signers = {"unsigned": None, "wrong key": Ring().signer("clearance"), "a builder's key": ring.signer("main")}
    site.signer = signers.get(harm, site.signer)
    wanted = site.publish()
    if harm == "flipped byte":
        key = keys.clearance(APP, wanted.commit)
        stored = site.bucket.get(key)
        assert stored is not None
        put(site, key, stored.body.replace(b'"position":2', b'"position":3'))
    site.hint(wanted)
    host.turn(daemon, 4)
    assert wanted.slug in host.kept()

    pointer = site.flip(wanted)
    host.turn(daemon, 3)

    assert host.serves() == ["print(1)"]
    assert site.acks(pointer) == ["failed", "fetched"]
    assert told in site.beacon().why
    assert host.said.count(site.beacon().why) == 1


def test_a_pointer_below_one_that_was_seen_is_refused(site: Site) -> None:
    """A lane that somebody put back, as an old version of its object: named in the beacon, the release before serves on."""
    host = Machine(site=site)
    daemon = host.start()
    first, second = site.publish(), site.publish()
    site.flip(first)
    before = site.bucket.get(keys.lane(APP, ENVIRONMENT))
    assert before is not None
    site.flip(second)
    host.turn(daemon)
    put(site, keys.lane(APP, ENVIRONMENT), before.body)

    host.turn(daemon, 3)

    assert host.serves() == ["print(2)"]
    assert "is lower than" in site.beacon().why


def test_a_commit_that_is_no_commit(site: Site) -> None:
    """It would become part of a path."""
    host = Machine(site=site)
    first = site.publish()
    site.flip(first)
    daemon = host.start()
    host.turn(daemon)
    pointer = site.flip(replace(first, commit="../../outside", position=99))

    host.turn(daemon, 3)

    assert host.serves() == ["print(1)"]
    assert site.acks(pointer) == ["failed", "fetched"]
    assert "it is no commit" in site.beacon().why


def test_a_clearance_that_cannot_be_read_is_asked_for_again(site: Site, objects: ObjectServer) -> None:
    """It is nobody's failure: nothing is acked, and the release is taken once the bucket answers."""
    host = Machine(site=site)
    first = site.publish()
    site.flip(first)
    daemon = host.start()
    host.turn(daemon)
    wanted = site.publish()
    objects.faults.add(Fault(kind="503", operation="get", key="*/clearances/*", times=None))
    pointer = site.flip(wanted)
    host.turn(daemon)
    assert site.acks(pointer) == []
    assert host.serves() == ["print(1)"]

    objects.faults.clear()
    host.clock.sleep(10)
    host.turn(daemon)

    assert host.serves() == ["print(2)"]


def test_a_copy_on_disk_that_went_bad_is_fetched_again(site: Site) -> None:
    """A bit that flips on a host's own disk is found like one in the bucket, and mended from there."""
    host = Machine(site=site)
    daemon = host.start()
    site.flip(site.publish())
    host.turn(daemon)
    for copy in (host.folder / "blobs").iterdir():
        copy.write_bytes(copy.read_bytes()[:-9] + b"\0" * 9)
    site.flip(site.publish())

    host.turn(daemon)
    host.clock.sleep(300)
    host.turn(daemon)

    assert host.serves() == ["print(2)"]


def test_a_full_disk(site: Site) -> None:
    """In the middle of unpacking: acked as failed, nothing is left of it, the old release serves on; then there is room."""
    host = Machine(site=site)
    daemon = host.start()
    first = site.publish()
    site.flip(first)
    host.turn(daemon)
    (site.shop.root / "inbox/big.bin").write_bytes(bytes(range(256)) * 8192)
    pointer = site.flip(site.publish())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        host.turn(daemon)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert host.serves() == ["print(1)"]
    assert site.acks(pointer) == ["failed"]
    assert "File too large" in site.beacon().why
    assert host.kept() == {first.slug}
    assert list((host.folder / "incoming").iterdir()) == []
    assert list((host.folder / "trash").iterdir()) == []

    host.clock.sleep(60)
    host.turn(daemon)
    assert host.serves() == ["print(2)"]


def test_the_daemon_imports_what_every_host_has() -> None:
    """The standard library, boto3, cryptography and zstandard: no YAML, no click, nothing of the generator's."""
    program = (
        "import sys; import shipping.host.running, shipping.host.roll, shipping.host.config;"
        "import boto3, cryptography, zstandard;"
        "print(*sorted(name.partition('.')[0] for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    allowed = set(sys.stdlib_module_names) | {"pipeline_gen", "shipping", "__main__", "sitecustomize"}
    allowed |= {"boto3", "cryptography", "zstandard"}
    # boto3's own; and what an editable installation of ours needs to be found.
    allowed |= {"botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six", "certifi", "editables"}

    found = {name for name in done.stdout.split() if not name.startswith("_")}

    assert found - allowed == set()
    assert "yaml" not in found
    assert "click" not in found
