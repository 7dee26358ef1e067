"""What the handlers of a request work with, put together in one place and passed to each."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox import passwords, sessions
from inbox.ratelimit import Limiter
from inbox.storage import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from inbox.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Services:
    """The database, the limits, the clock. ``password_cost`` is what a login may cost."""

    settings: Settings
    database: Database
    comments: Limiter
    logins: Limiter
    clock: Callable[[], float] = time.time
    password_cost: passwords.Cost = passwords.STANDARD

    @functools.cached_property
    def secret(self) -> bytes:
        return sessions.secret(self.database)


def build(settings: Settings) -> Services:
    """Put the services together. Touches neither disk nor network before the first request."""
    a_minute = settings.comments_per_minute
    return Services(
        settings=settings,
        database=Database(settings.database),
        comments=Limiter(rate=a_minute / 60, burst=a_minute),
        logins=Limiter(rate=0.1, burst=5),
    )
