"""The shop of a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.shipping.slug.shop import Shop, open_shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer


@pytest.fixture
def shop(objects: ObjectServer, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(objects, tmp_path / "checkout") as shop:
        yield shop
