from __future__ import annotations

import io

import pytest

from inbox import accounts, passwords
from inbox.accounts import Rejected
from inbox.passwords import Cost
from inbox.storage import Database

PASSWORD = "correct horse"
CHEAP = Cost(n=2**4)


def test_the_right_password_opens_the_account(database: Database) -> None:
    accounts.add(database, "Anna", PASSWORD, now=0)

    assert accounts.authenticate(database, "Anna", PASSWORD) == "anna"
    assert accounts.authenticate(database, "Anna", PASSWORD + "s") is None


@pytest.mark.parametrize("name", ["anna", "ANNA", " Ánna ", "Anna\u200b"])
def test_spellings_of_a_name_are_one_account(database: Database, name: str) -> None:
    accounts.add(database, "Anna", PASSWORD, now=0)

    assert accounts.authenticate(database, name, PASSWORD) == "anna"


def test_an_unknown_name_takes_as_long_as_a_wrong_password(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs one verification, or the time of the answer would tell which names exist."""
    verified: list[str] = []
    real = passwords.verify

    def counting(password: str, stored: str) -> bool:
        verified.append(stored)
        return real(password, stored)

    monkeypatch.setattr(passwords, "verify", counting)
    accounts.add(database, "Anna", PASSWORD, now=0)

    assert accounts.authenticate(database, "Bo", PASSWORD) is None
    assert accounts.authenticate(database, "Anna", "wrong horse") is None
    costs = ["$".join(stored.split("$")[:4]) for stored in verified]
    assert costs[0] == costs[1]


def test_the_password_of_nobody_opens_nothing(database: Database) -> None:
    assert accounts.authenticate(database, "Bo", "nobody has this password", cost=CHEAP) is None


def test_a_password_that_became_too_cheap_is_stored_anew(database: Database) -> None:
    """At the next login, when it is known for a moment."""
    accounts.add(database, "Anna", PASSWORD, now=0, cost=Cost(n=2**12))

    for _ in range(2):
        assert accounts.authenticate(database, "Anna", PASSWORD) == "anna"

    with database.reading() as connection:
        stored = connection.execute("SELECT password FROM accounts").fetchone()["password"]
    assert not passwords.is_outdated(stored)


@pytest.mark.parametrize(
    ("name", "password", "reason"),
    [
        ("", PASSWORD, "without a name"),
        (" \u200b", PASSWORD, "without a name"),
        ("Bo", "short", "10 characters are needed"),
        ("ANNA", PASSWORD, "cannot make the account 'anna': there is one"),
    ],
)
def test_an_account_that_cannot_be_made_says_why(database: Database, name: str, password: str, reason: str) -> None:
    accounts.add(database, "Anna", PASSWORD, now=0, cost=CHEAP)

    with pytest.raises(Rejected, match=reason):
        accounts.add(database, name, password, now=0, cost=CHEAP)


def test_the_command_takes_the_password_from_standard_input(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not from its arguments, which every process on the machine can read."""
    monkeypatch.setenv("INBOX_DATABASE", str(database.path))
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert accounts.main(["add", "Anna"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert accounts.main(["add", "Bo"]) == 1
    assert accounts.main(["add"]) == 2

    output = capsys.readouterr()
    assert output.out == "added anna\n"
    assert output.err.splitlines()[0] == "cannot take this password: 10 characters are needed"
    assert accounts.authenticate(database, "Anna", PASSWORD) == "anna"
