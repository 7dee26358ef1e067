"""What tests of every kind use. Imports nothing of the application: each folder's own conftest does, for its own tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clock import Clock
from tests.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def letters() -> list[dict[str, str]]:
    """Comments as customers wrote them: several languages, some markup, some mischief."""
    read: list[dict[str, str]] = json.loads((Path(__file__).parent / "data" / "letters.json").read_text("utf-8"))
    return read


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running
