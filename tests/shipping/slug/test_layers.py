"""How layers come about: reused by their inputs, built otherwise, and never twice the same path."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, Refused, UsageError
from shipping.slug import inputs, keys
from tests.shipping.slug.shop import Shop, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer


@pytest.fixture
def shop(objects: ObjectServer, tmp_path: Path) -> Iterator[Shop]:
    """One bucket is enough here."""
    with open_shop(objects, tmp_path / "checkout", buckets=1) as shop:
        yield shop


def record_key(shop: Shop, domain: keys.Domain = "main") -> str:
    [key] = [key for key in shop.buckets[0].list("inbox/layers/") if f"/{domain}/" in key]
    return key


def test_unchanged_inputs_are_neither_built_nor_packed_again(shop: Shop, objects: ObjectServer) -> None:
    """A second commit with the same lockfile: its command does not run, nothing of the layer is sent."""
    first = shop.build("a" * 40)
    (shop.root / "inbox/web.py").write_text("print('changed')")
    objects.faults.clear()

    second = shop.build("b" * 40)

    assert shop.runs == 1
    assert [product.reused for product in second.products] == [True, False]
    assert second.manifest.layers[0] == first.manifest.layers[0]
    sent = {request.key for request in objects.faults.seen("put", key="*/blobs/*")}
    assert sent == {second.manifest.layers[1].blob("inbox")}


@pytest.mark.parametrize("change", ["content", "mode", "name", "run", "keep", "another-input"])
def test_changed_inputs_are_built(shop: Shop, change: str) -> None:
    """Bytes, modes and names of the inputs, and what is done with them."""
    shop.build("a" * 40)
    match change:
        case "content":
            (shop.root / "requirements.lock").write_text("one==2")
        case "mode":
            (shop.root / "requirements.lock").chmod(0o755)
        case "name":
            (shop.root / "other.lock").write_text("one==1")
            shop.change(0, inputs=("other.lock",))
        case "run":
            shop.change(0, run=(sys.executable, "-BIS", "install.py"))
        case "keep":
            shop.change(0, keep=("vendor/**",))
        case _:
            shop.change(0, inputs=("requirements.lock", "install.py"))

    shop.build("b" * 40)

    assert shop.runs == 2


def test_what_the_digest_covers(shop: Shop) -> None:
    """System, architecture and the interpreters' versions too: bytecode and native modules depend on them."""
    found = inputs.versions(shop.workshop().shell)

    assert found["python3"].startswith("Python 3.")


def test_pull_requests_use_mains_layers(shop: Shop) -> None:
    """And leave main's alone."""
    shop.build("a" * 40)

    built = shop.build("b" * 40, domain="pr")

    assert shop.runs == 1
    assert [layer.domain for layer in built.manifest.layers] == ["main", "pr"]


def test_main_never_reads_what_pull_requests_built(shop: Shop) -> None:
    """The same inputs are built again for main."""
    shop.build("a" * 40, domain="pr")

    built = shop.build("b" * 40)

    assert shop.runs == 2
    assert {layer.domain for layer in built.manifest.layers} == {"main"}


def test_a_record_that_smuggles_a_pull_requests_layer_is_refused(shop: Shop) -> None:
    """By name, before anything is built."""
    built = shop.build("a" * 40)
    record = {"schema": 1, **built.manifest.layers[0].to_json(), "domain": "pr"}
    _overwrite(shop, record_key(shop), json.dumps(record).encode())

    with pytest.raises(Refused, match=r"layer 'dependencies' .* for 'main': it was built for 'pr'"):
        shop.build("b" * 40)


def test_a_layer_whose_bytes_are_gone_is_built_again(shop: Shop) -> None:
    """A record alone is not a layer."""
    built = shop.build("a" * 40)
    for bucket in shop.buckets:
        bucket.ask("delete_object", Key=built.manifest.layers[0].blob("inbox"))

    shop.build("b" * 40)

    assert shop.runs == 2
    assert any("its bytes are gone" in line for line in shop.said)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"schema": 1}', b'{"schema": 1, "digest": "../x"}'])
def test_a_damaged_record_is_refused(shop: Shop, body: bytes) -> None:
    """By its key."""
    shop.build("a" * 40)
    key = record_key(shop)
    _overwrite(shop, key, body)

    with pytest.raises(Refused, match="truncated or damaged") as told:
        shop.build("b" * 40)
    assert key in str(told.value)


def test_a_record_of_a_newer_ship(shop: Shop) -> None:
    """Exit 2, and how to update."""
    shop.build("a" * 40)
    _overwrite(shop, record_key(shop), b'{"schema": 99}')

    with pytest.raises(UsageError, match="schema 99"):
        shop.build("b" * 40)


def test_a_command_that_does_not_repeat_itself_is_said(shop: Shop) -> None:
    """Another build of the same inputs, with other bytes, recorded its layer first: that record stays."""
    digest = inputs.digest(shop.layers[0], shop.root, shop.workshop().shell)
    assert digest is not None
    key = keys.layer("inbox", "main", "dependencies", digest)

    def meddle(point: str) -> None:
        if point == "layers-built":
            shop.buckets[0].create(key, b"the other build's")

    shop.build("a" * 40, at=meddle)

    assert any("other bytes of the same inputs" in line for line in shop.said)
    stored = shop.buckets[0].get(key)
    assert stored is not None
    assert stored.body == b"the other build's"


def test_the_layers_before_are_there_for_a_layers_command(shop: Shop) -> None:
    """A reused layer that is not in the checkout is unpacked when a later command may need it."""
    shop.build("a" * 40)
    _remove(shop)
    shop.change(1, run=(sys.executable, "-c", "import sys; sys.path.insert(0, 'vendor'); import library"))

    shop.build("b" * 40)

    assert shop.runs == 1
    assert (shop.root / "vendor/blob.bin").stat().st_size == 256 * 400


def test_other_files_in_a_reused_layers_place_are_mended_by_its_command(shop: Shop) -> None:
    """Whatever lies there is never deleted; the slug has the recorded layer all the same."""
    first = shop.build("a" * 40)
    (shop.root / "vendor/mine").write_text("keep me")
    shop.change(1, run=(sys.executable, "-c", "pass"))

    second = shop.build("b" * 40)

    assert (shop.root / "vendor/mine").exists()
    assert shop.runs == 2
    assert second.manifest.layers[0] == first.manifest.layers[0]


@pytest.mark.parametrize(
    ("number", "keep"), [(1, ("inbox/**", "vendor/library.py")), (1, (".",)), (0, ("vendor", "bin"))]
)
def test_a_path_in_two_layers(shop: Shop, number: int, keep: tuple[str, ...]) -> None:
    """Refused with the path and both layers, before anything is sent."""
    shop.change(number, keep=keep)

    with pytest.raises(Refused, match=r"is in two layers, '(app|dependencies)' and '(app|dependencies)'"):
        shop.build()
    assert list(shop.buckets[0].list("")) == []


def test_nothing_to_keep(shop: Shop) -> None:
    """A pattern that names nothing is a build that did not do what it should."""
    shop.change(1, keep=("inbox/**", "web/dist/**"))

    with pytest.raises(Refused, match="layer 'app': there is nothing at 'web/dist/\\*\\*'"):
        shop.build()


def test_an_input_that_is_not_there(shop: Shop) -> None:
    """Named."""
    shop.change(0, inputs=("requirements.lock", "poetry.lock"))

    with pytest.raises(Refused, match=r"its input 'poetry\.lock' is not there"):
        shop.build()


def test_a_command_that_fails(shop: Shop) -> None:
    """With its exit status; nothing is published."""
    shop.change(0, run=(sys.executable, "-c", "raise SystemExit(7)"))

    with pytest.raises(Refused, match="ended with 7"):
        shop.build()
    assert list(shop.buckets[0].list("")) == []


def test_a_command_that_is_not_there(shop: Shop) -> None:
    """The agent lacks it: another agent may have it."""
    shop.change(0, run=("no-such-program",))

    with pytest.raises(InfraError, match="cannot run 'no-such-program'"):
        shop.build()


def _overwrite(shop: Shop, key: str, body: bytes) -> None:
    shop.buckets[0].ask("put_object", Key=key, Body=body)


def _remove(shop: Shop) -> None:
    for name in ("library.py", "blob.bin"):
        (shop.root / "vendor" / name).unlink()
    (shop.root / "vendor").rmdir()
