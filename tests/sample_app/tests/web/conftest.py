from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inbox import migrate
from inbox.application import Application
from inbox.passwords import Cost
from inbox.ratelimit import Limiter
from inbox.services import Services
from inbox.settings import Settings
from inbox.storage import Database
from tests.browser import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clock import Clock


@pytest.fixture
def services(tmp_path: Path, clock: Clock) -> Iterator[Services]:
    """Everything real but the clock; logins are cheap, limits generous."""
    settings = Settings(database=tmp_path / "inbox.sqlite3", release="c0ffee", environment="eu")
    database = Database(settings.database)
    migrate.expand(database)
    yield Services(
        settings=settings,
        database=database,
        comments=Limiter(rate=1, burst=50, clock=clock),
        logins=Limiter(rate=0.1, burst=3, clock=clock),
        clock=clock,
        password_cost=Cost(n=2**12),
    )
    database.close()


@pytest.fixture
def browser(services: Services) -> Browser:
    return Browser(Application(services))
