from __future__ import annotations

import threading

import pytest

from inbox import sessions
from inbox.storage import Database

SECRET = b"a secret of the test"


def test_a_session_says_who_it_is() -> None:
    cookie = sessions.issue(SECRET, "anna", now=1000)

    assert sessions.read(SECRET, cookie, now=1001) == "anna"


@pytest.mark.parametrize(("later", "who"), [(0, "anna"), (sessions.LASTS - 1, "anna"), (sessions.LASTS, None)])
def test_a_session_ends(later: int, who: str | None) -> None:
    assert sessions.read(SECRET, sessions.issue(SECRET, "anna", now=1000), now=1000 + later) == who


def test_a_name_may_contain_the_separators() -> None:
    assert sessions.read(SECRET, sessions.issue(SECRET, "a:b.c;d", now=0), now=1) == "a:b.c;d"


def test_no_single_character_can_be_changed() -> None:
    cookie = sessions.issue(SECRET, "anna", now=1000)
    forged = [cookie[:at] + ("x" if cookie[at] != "x" else "y") + cookie[at + 1 :] for at in range(len(cookie))]

    assert {sessions.read(SECRET, each, now=1001) for each in forged} == {None}


@pytest.mark.parametrize("cookie", [None, "", ".", "x.y", "é.é", "no separator at all"])
def test_what_is_no_session_is_nobody(cookie: str | None) -> None:
    assert sessions.read(SECRET, cookie, now=0) is None


def test_another_secret_reads_nothing() -> None:
    assert sessions.read(b"another", sessions.issue(SECRET, "anna", now=0), now=1) is None


def test_every_process_gets_the_same_secret(database: Database) -> None:
    """Made by whoever asks first, also when several ask at once."""
    start = threading.Barrier(8)
    found: list[bytes] = []

    def process() -> None:
        own = Database(database.path)
        start.wait()
        found.append(sessions.secret(own))
        own.close()

    threads = [threading.Thread(target=process) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(found[0]) == 32
