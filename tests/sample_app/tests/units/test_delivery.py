"""Deliveries to a real receiver that takes its time: most of this file is spent waiting for answers."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from inbox import delivery
from inbox.delivery import DeliveryFailed, Folder, Message, Refused, Webhook
from tests.receiver import Receiver, status

MESSAGE = Message(comment_id=7, author="Chloé", body="Où ?\n**Là.**")
ANSWER_TIME = 0.3


@pytest.fixture
def unhurried(receiver: Receiver) -> Receiver:
    receiver.pause = ANSWER_TIME
    return receiver


def test_the_message_arrives_whole(receiver: Receiver) -> None:
    Webhook(url=receiver.url).deliver(MESSAGE)

    (request,) = receiver.received
    assert request.body == {"comment_id": 7, "author": "Chloé", "body": "Où ?\n**Là.**"}
    assert request.headers["content-type"] == "application/json"


def test_the_query_of_the_address_is_kept(receiver: Receiver) -> None:
    Webhook(url=receiver.url + "?token=a%20b").deliver(MESSAGE)

    assert receiver.received[0].target == "/hook?token=a%20b"


def test_a_repetition_carries_the_same_key(receiver: Receiver) -> None:
    """The receiver can tell a second attempt from a second comment."""
    for _ in range(2):
        Webhook(url=receiver.url).deliver(MESSAGE)

    assert receiver.keys == ["comment-7", "comment-7"]


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_every_kind_of_yes_is_a_yes(unhurried: Receiver, code: int) -> None:
    unhurried.answer = status(code)

    Webhook(url=unhurried.url).deliver(MESSAGE)

    assert len(unhurried.received) == 1


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_told_apart(unhurried: Receiver, code: int) -> None:
    unhurried.answer = status(code)

    with pytest.raises(DeliveryFailed, match=f"the receiver answered {code}"):
        Webhook(url=unhurried.url).deliver(MESSAGE)


@pytest.mark.parametrize("code", [400, 401, 404, 410, 422])
def test_a_refusal_is_final(unhurried: Receiver, code: int) -> None:
    unhurried.answer = status(code)

    with pytest.raises(Refused, match=f"the receiver answered {code}"):
        Webhook(url=unhurried.url).deliver(MESSAGE)


@pytest.mark.parametrize("code", [301, 302, 307])
def test_a_redirect_is_not_followed(unhurried: Receiver, code: int) -> None:
    """Comments go to the address that was configured and to no other."""
    unhurried.answer = status(code, f"Location: {unhurried.url}/elsewhere")

    with pytest.raises(Refused):
        Webhook(url=unhurried.url).deliver(MESSAGE)
    assert [request.target for request in unhurried.received] == ["/hook"]


@pytest.mark.parametrize("timeout", [0.2, 0.4, 0.8])
def test_a_silent_receiver_is_given_up(receiver: Receiver, timeout: float) -> None:
    receiver.pause = 30

    with pytest.raises(DeliveryFailed, match=f"no answer within {timeout:g} s"):
        Webhook(url=receiver.url, timeout=timeout).deliver(MESSAGE)


@pytest.mark.parametrize("pieces", [2, 3])
def test_an_answer_may_come_in_pieces(unhurried: Receiver, pieces: int) -> None:
    """Slow is not silent."""
    (whole,) = status(200)
    size = len(whole) // pieces + 1
    unhurried.answer = [whole[start : start + size] for start in range(0, len(whole), size)]

    Webhook(url=unhurried.url, timeout=5).deliver(MESSAGE)

    assert len(unhurried.answer) == pieces


@pytest.mark.parametrize(
    "answer",
    [[], [b"HTTP/1.1"], [b"220 smtp.example.test ready\r\n\r\n"], [b"\x16\x03\x01\x00"], [b"HTTP/1.1 2x0 No\r\n\r\n"]],
)
def test_an_answer_that_is_none_counts_as_a_failure(unhurried: Receiver, answer: list[bytes]) -> None:
    unhurried.answer = answer

    with pytest.raises(DeliveryFailed):
        Webhook(url=unhurried.url, timeout=5).deliver(MESSAGE)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]

    with pytest.raises(DeliveryFailed, match="ConnectionRefusedError"):
        Webhook(url=f"http://127.0.0.1:{port}").deliver(MESSAGE)


def test_a_folder_takes_one_file_for_each_message(tmp_path: Path) -> None:
    for _ in range(2):
        Folder(path=tmp_path / "new" / "out").deliver(MESSAGE)

    (written,) = (tmp_path / "new" / "out").iterdir()
    assert written.name == "comment-7.json"
    assert json.loads(written.read_text("utf-8"))["author"] == "Chloé"


def test_a_folder_that_cannot_be_written_is_a_failure_that_may_pass(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DeliveryFailed, match="could not write"):
        Folder(path=tmp_path / "file").deliver(MESSAGE)


@pytest.mark.parametrize(
    ("address", "transport"),
    [
        ("file:out", Folder(path=Path("out"))),
        ("file:/var/out", Folder(path=Path("/var/out"))),
        ("https://desk.test/hook", Webhook(url="https://desk.test/hook")),
    ],
)
def test_an_address_says_how_to_deliver(address: str, transport: delivery.Transport) -> None:
    assert delivery.to(address) == transport


@pytest.mark.parametrize("address", ["", "out", "file:", "ftp://desk.test", "https://"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="cannot deliver to"):
        delivery.to(address)
