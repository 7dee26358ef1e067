from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.shipping.release.scene import Scene, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer


@pytest.fixture
def scene(objects: ObjectServer, tmp_path: Path) -> Iterator[Scene]:
    with opened(objects, tmp_path) as scene:
        yield scene


@pytest.fixture
def migrating(objects: ObjectServer, tmp_path: Path) -> Iterator[Scene]:
    """A scene whose releases have a `before`."""
    with opened(objects, tmp_path, before="bin/before {commit}") as scene:
        yield scene
