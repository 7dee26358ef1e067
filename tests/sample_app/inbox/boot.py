"""Checks that a process of this release could start here: ``python -m inbox.boot web|worker``. Changes nothing."""

from __future__ import annotations

import importlib
import sqlite3
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox import delivery, migrate, settings
from inbox.storage import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inbox.settings import Settings


class NotBootable(Exception):
    """A process of this kind could not start; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must be right. ``run`` returns what it found, or raises NotBootable."""

    name: str
    run: Callable[[Settings], str]


def checks(process: str) -> list[Check]:
    """Return the checks of a process type, each cheaper than the next. Raises KeyError for a type there is none of."""
    both = [Check(name="settings", run=_settings), Check(name="database", run=_database)]
    own = {
        "web": [Check(name="server", run=_server), Check(name="pages", run=_pages)],
        "worker": [Check(name="delivery", run=_delivery)],
    }
    return both + own[process]


def _settings(chosen: Settings) -> str:
    return f"release {chosen.release}, environment {chosen.environment}"


def _database(chosen: Settings) -> str:
    if not chosen.database.is_file():
        raise NotBootable(f"there is no database at {str(chosen.database)!r}; run: python -m inbox.migrate expand")
    database = Database(chosen.database)
    try:
        seen = migrate.version(database)
    except sqlite3.Error as error:
        raise NotBootable(f"cannot read the database {str(chosen.database)!r}: {error}") from error
    finally:
        database.close()
    if seen < len(migrate.MIGRATIONS):
        raise NotBootable(
            f"the schema is at version {seen}, {len(migrate.MIGRATIONS)} is needed; run: python -m inbox.migrate expand"
        )
    return f"schema version {seen}"


def _server(_: Settings) -> str:
    try:
        server = importlib.import_module("gunicorn")
        importlib.import_module("inbox.wsgi")
    except ImportError as error:
        raise NotBootable(f"cannot import the web application: {error}") from error
    return f"gunicorn {server.__version__}"


def _pages(_: Settings) -> str:
    rendering = importlib.import_module("inbox.rendering")
    return ", ".join(rendering.check())


def _delivery(chosen: Settings) -> str:
    try:
        return type(delivery.to(chosen.deliver_to)).__name__
    except ValueError as error:
        raise NotBootable(str(error)) from error


def main(arguments: Sequence[str]) -> int:
    """Run the checks and return the exit status: 1 at the first that fails, 2 if it was called wrongly."""
    if list(arguments) not in (["web"], ["worker"]):
        print("usage: python -m inbox.boot web|worker", file=sys.stderr)
        return 2
    try:
        chosen = settings.from_environment()
        for check in checks(arguments[0]):
            print(f"ok    {check.name}: {check.run(chosen)}", flush=True)  # before what goes wrong, also in a log
    except (NotBootable, settings.BadSetting) as reason:
        print(f"wrong {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
