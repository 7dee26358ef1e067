"""The manifest carries what hosts run, for they read no configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import Process
from pipeline_gen.errors import Refused
from shipping.records.process import ProcessType
from shipping.slug import fetch
from shipping.slug.manifest import Layer, Manifest
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    from tests.shipping.slug.shop import Shop

WEB = Process(name="web", command=("gunicorn", "inbox.wsgi"), count=2, ready="/readyz", boot=("python", "boot.py"))
WORKER = Process(name="worker", command=("python", "worker.py"), drain=120.0, order="stop-first")


def test_processes_come_with_the_slug(shop: Shop) -> None:
    """As they were configured, by name."""
    shop.processes = (WORKER, WEB)

    built = shop.build()

    assert fetch.manifest(shop.buckets[1], APP, built.manifest.slug).process_types == (
        ProcessType(
            name="web", command=("gunicorn", "inbox.wsgi"), count=2, ready="/readyz", boot=("python", "boot.py")
        ),
        ProcessType(name="worker", command=("python", "worker.py"), drain=120.0, order="stop-first"),
    )


def test_other_processes_are_another_slug(shop: Shop) -> None:
    """The same layers run in another way are another deployable; nothing is packed or sent again for it."""
    one = shop.build("a" * 40)
    shop.processes = (WEB,)
    other = shop.build("b" * 40)

    assert one.manifest.slug != other.manifest.slug
    assert [layer.digest for layer in one.manifest.layers] == [layer.digest for layer in other.manifest.layers]
    assert sum(place.sent for place in other.placed) == 0


def test_processes_that_are_damaged_are_refused() -> None:
    """When the manifest is read, not when a host starts them."""
    layer = Layer(name="app", domain="main", digest="0" * 64, size=1, files=1)
    broken = Manifest(app=APP, domain="main", commit="a" * 40, layers=(layer,), processes={"web": {"name": "web"}})

    with pytest.raises(Refused, match="truncated or damaged"):
        Manifest.decode(broken.encode(), app=APP, slug=broken.slug, where="a test")
    listed = json.dumps({**json.loads(broken.encode()), "processes": []}).encode()
    with pytest.raises(Refused, match="RecursionError"):
        Manifest.decode(b"[" * 10**6, app=APP, slug=broken.slug, where="a test")
    with pytest.raises(Refused):
        Manifest.decode(listed, app=APP, slug=broken.slug, where="a test")
