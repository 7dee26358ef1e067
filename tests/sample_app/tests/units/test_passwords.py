from __future__ import annotations

import threading

import pytest

from inbox import passwords
from inbox.passwords import Cost, Malformed

CHEAP = Cost(n=2**4)


def test_a_password_is_recognised_at_the_standard_cost() -> None:
    stored = passwords.hash_password("correct horse")

    assert passwords.verify("correct horse", stored)
    assert not passwords.verify("correct hors", stored)


@pytest.mark.parametrize("password", ["", "ümlaut", "x" * 10_000])
def test_any_text_can_be_a_password(password: str) -> None:
    assert passwords.verify(password, passwords.hash_password(password, CHEAP))


def test_the_same_password_is_stored_differently_each_time() -> None:
    """Two people with one password are not found by comparing what is stored."""
    assert len({passwords.hash_password("same", CHEAP) for _ in range(10)}) == 10


@pytest.mark.parametrize("n", [2**13, 2**14, 2**15, 2**16])
def test_a_password_outlives_a_change_of_cost(n: int) -> None:
    """The cost is stored with the hash: raised or lowered, old passwords go on working and are known to be outdated."""
    stored = passwords.hash_password("correct horse", Cost(n=n))

    assert passwords.verify("correct horse", stored)
    assert passwords.is_outdated(stored) == (Cost(n=n) != passwords.STANDARD)


@pytest.mark.parametrize("length", [1, 8, 64, 512])
def test_a_wrong_password_is_refused_whatever_its_length(length: int) -> None:
    assert not passwords.verify("x" * length, passwords.hash_password("correct horse"))


def test_several_logins_at_once_do_not_disturb_each_other() -> None:
    names = [f"password of {number}" for number in range(6)]
    stored = [passwords.hash_password(name) for name in names]
    answers: dict[str, list[bool]] = {}

    def login(name: str) -> None:
        answers[name] = [passwords.verify(name, each) for each in stored[:3]]

    threads = [threading.Thread(target=login, args=(name,)) for name in names[:3]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == {name: [name == other for other in names[:3]] for name in names[:3]}


@pytest.mark.parametrize("damaged", ["plain", "scrypt$1$2$3", "scrypt$n$8$1$AAAA$AAAA"])
def test_a_damaged_hash_is_an_error_and_not_a_refusal(damaged: str) -> None:
    with pytest.raises(Malformed):
        passwords.verify("any", damaged)


def test_another_algorithm_is_named() -> None:
    with pytest.raises(Malformed, match="hashed with 'bcrypt'"):
        passwords.verify("any", "bcrypt$1$2$3$AAAA$AAAA")
