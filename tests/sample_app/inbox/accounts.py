"""The people who may look after the outbox: ``python -m inbox.accounts add NAME`` with the password on standard input."""

from __future__ import annotations

import functools
import sqlite3
import sys
import time
from typing import TYPE_CHECKING

from inbox import passwords, settings
from inbox.storage import Database
from inbox.text import clean_line, fold

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORTEST_PASSWORD = 10


class Rejected(ValueError):
    """The account cannot be made."""


def add(database: Database, name: str, password: str, *, now: float, cost: passwords.Cost = passwords.STANDARD) -> str:
    """Make an account and return its name as it is stored. Raises Rejected."""
    key = account_key(name)
    if not key:
        raise Rejected("cannot make an account without a name")
    if len(password) < SHORTEST_PASSWORD:
        raise Rejected(f"cannot take this password: {SHORTEST_PASSWORD} characters are needed")
    stored = passwords.hash_password(password, cost)
    try:
        with database.writing() as connection:
            connection.execute("INSERT INTO accounts VALUES (?, ?, ?)", (key, stored, now))
    except sqlite3.IntegrityError as error:
        raise Rejected(f"cannot make the account {key!r}: there is one") from error
    return key


def authenticate(
    database: Database, name: str, password: str, *, cost: passwords.Cost = passwords.STANDARD
) -> str | None:
    """Return the account's name if the password is right. Stores the password anew if its hash has become too cheap."""
    key = account_key(name)
    with database.reading() as connection:
        row = connection.execute("SELECT password FROM accounts WHERE name = ?", (key,)).fetchone()
    # An unknown name costs a verification too: the time of the answer must not tell which names exist.
    stored = row["password"] if row else _nobody(cost)
    if not passwords.verify(password, stored) or row is None:
        return None
    if passwords.is_outdated(stored, cost):
        renewed = passwords.hash_password(password, cost)
        with database.writing() as connection:
            connection.execute("UPDATE accounts SET password = ? WHERE name = ?", (renewed, key))
    return key


def account_key(name: str) -> str:
    """Return the form of a name that identifies the account: Ánna and anna are one."""
    return fold(clean_line(name))


@functools.cache
def _nobody(cost: passwords.Cost) -> str:
    return passwords.hash_password("nobody has this password", cost)


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status: 1 if the account cannot be made, 2 if it was called wrongly."""
    if len(arguments) != 2 or arguments[0] != "add":
        print("usage: python -m inbox.accounts add NAME < PASSWORD_FILE", file=sys.stderr)
        return 2
    database = Database(settings.from_environment().database)
    try:
        name = add(database, arguments[1], sys.stdin.readline().rstrip("\n"), now=time.time())
    except Rejected as rejected:
        print(rejected, file=sys.stderr)
        return 1
    finally:
        database.close()
    print(f"added {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
