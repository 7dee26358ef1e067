from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inbox import migrate
from inbox.storage import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database of its own for each test, with today's schema."""
    made = Database(tmp_path / "inbox.sqlite3")
    migrate.expand(made)
    yield made
    made.close()
