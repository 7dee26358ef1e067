"""The instrument: what a server does to its customers is counted, and nothing else is."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from shipping.demo.load import Counted, Customers, Load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


def read_request(connection: socket.socket) -> bytes:
    read = b""
    while b"\r\n\r\n" not in read:
        more = connection.recv(65536)
        if not more:
            return b""
        read += more
    length = int(read.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(read.partition(b"\r\n\r\n")[2]) < length:
        read += connection.recv(65536)
    return read


def always(connection: socket.socket) -> None:
    while read_request(connection):
        connection.sendall(OK)


def once(connection: socket.socket) -> None:
    """Answer, and close without a word: a FIN between two requests."""
    read_request(connection)
    connection.sendall(OK)


def status(connection: socket.socket) -> None:
    while read_request(connection):
        connection.sendall(OK.replace(b"200 OK", b"502 Bad Gateway"))


def cut(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(OK[:-2])


def unanswered(connection: socket.socket) -> None:
    read_request(connection)


def reset(connection: socket.socket) -> None:
    """Answer, and reset what is kept alive."""
    read_request(connection)
    connection.sendall(OK)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


@contextmanager
def serving(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server of threads, each connection of which behaves so and is closed."""
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection:
            behave(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(connection,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=accept)
        accepting.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for thread in threads:
        thread.join()


def counted(port: int, requests: int = 40, slow_path: str | None = "/slow/{}", post_body: str = "{}") -> Counted:
    customers = Customers(
        host="127.0.0.1", port=port, rate=200, slow=0.01, patience=0.5, slow_path=slow_path, post_body=post_body
    )
    with Load(customers) as load:
        deadline = time.monotonic() + 20
        while load.counted.sent < requests and time.monotonic() < deadline:
            time.sleep(0.01)
    return load.counted


def test_answers_are_no_failures_and_connections_are_used_again() -> None:
    """Each request is sent once; every POST has an id of its own."""
    with serving(always) as port:
        found = counted(port)

    assert (found.failed, found.answered) == (0, found.sent)
    assert found.reused > 0 < found.fresh
    assert len(set(found.posted)) == len(found.posted) > 0


def test_without_a_slow_path_the_slow_ones_are_posts_in_two_halves() -> None:
    """Whole when they arrive, each with its id in the body as it was asked for; what was answered first is noted."""
    bodies: list[str] = []

    def note(connection: socket.socket) -> None:
        while read := read_request(connection):
            bodies.append(read.partition(b"\r\n\r\n")[2].decode())
            connection.sendall(OK)

    with serving(note) as port:
        found = counted(port, slow_path=None, post_body='{"id": "{}"}')

    assert found.failed == 0
    assert sorted(filter(None, bodies)) == sorted(f'{{"id": "{one}"}}' for one in found.posted)
    assert len(found.posted) > found.sent // 4
    assert list(found.seen) == ["ok"]


def test_a_fin_that_was_there_before_a_connection_is_used_again_is_no_failure() -> None:
    """A server may close between two requests."""
    with serving(once) as port:
        found = counted(port)

    assert (found.failed, found.answered) == (0, found.sent)
    assert found.closed > 0


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (status, "status 502"),
        (cut, "2 bytes before its end"),
        (unanswered, "ended before an answer"),
        (reset, "ConnectionResetError"),
        (silent, "TimeoutError"),
    ],
)
def test_anything_else_is_a_failure(behave: Callable[[socket.socket], None], why: str) -> None:
    """An error status, a cut or missing answer, a reset: each is counted with its reason."""
    with serving(behave) as port:
        found = counted(port)

    assert found.failed > 0
    assert any(why in one.why for one in found.failures), found.failures[:3]


def test_a_port_that_nobody_listens_to_is_a_failure() -> None:
    """Each request refused is one."""
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        found = counted(asking.getsockname()[1])

    assert found.failed == found.sent
    assert "ConnectionRefusedError" in found.failures[0].why
