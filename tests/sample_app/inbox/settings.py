"""What the environment says. Read once, at the edge; everything below is passed what it needs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREPRODUCTION = "preprod"


class BadSetting(ValueError):
    """A variable of the environment has a value that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One process's settings. ``release`` is the commit that runs, ``environment`` where (a region, or preprod)."""

    database: Path = Path("inbox.sqlite3")
    deliver_to: str = "file:outbox"
    release: str = "development"
    environment: str = "local"
    poll: float = 1.0
    comments_per_minute: int = 30

    @property
    def queue(self) -> str:
        """Return the queue of this environment's deliveries.

        Pre-production shares production's database; with a queue of its own it never sends what customers wrote.
        """
        return PREPRODUCTION if self.environment == PREPRODUCTION else "live"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises BadSetting, naming the variable."""
    default = Settings()
    return Settings(
        database=Path(environ.get("INBOX_DATABASE") or default.database),
        deliver_to=environ.get("INBOX_DELIVER_TO") or default.deliver_to,
        release=environ.get("SHIP_COMMIT") or default.release,
        environment=environ.get("SHIP_ENVIRONMENT") or default.environment,
        poll=_number(environ, "INBOX_POLL", default.poll),
        comments_per_minute=int(_number(environ, "INBOX_COMMENTS_PER_MINUTE", default.comments_per_minute)),
    )


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    # A comparison that NaN fails too.
    if not 0 < number < 1e6:
        raise BadSetting(f"cannot use {name}={text!r}: a number above 0 and below 1,000,000 is needed")
    return number
