from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import threading

from tests.deadline import until
from tests.processes.conftest import Host, answers, ask

LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
COMMENT = json.dumps({"author": "Anna", "body": "hello"})


def test_the_server_answers_on_the_sockets_it_is_given(
    migrated: Host, listening: socket.socket, own: socket.socket
) -> None:
    """The shared one for customers, its own for whoever asks whether this very process is ready."""
    migrated.serve(listening, own)

    assert ask(listening.getsockname(), "POST", "/api/comments", COMMENT)[0] == 201
    assert ask(own.getsockname(), "GET", "/version") == (200, "c0ffee\n")
    assert 'release="c0ffee"} 1' in ask(own.getsockname(), "GET", "/metrics")[1]


def test_a_server_without_its_schema_runs_and_is_not_ready(
    host: Host, listening: socket.socket, own: socket.socket
) -> None:
    """It serves nobody until the migration is done, and needs no restart then."""
    host.serve(listening, own, readiness=503)

    assert host.run("-m", "inbox.migrate", "expand").returncode == 0
    until(lambda: answers(own.getsockname(), 200), "readiness after the migration")


def test_the_server_takes_a_port_where_it_is_given_no_socket(migrated: Host) -> None:
    """As on a developer's machine; with 0, any free one."""
    server = migrated.start("-m", "gunicorn", PORT="0")

    until(lambda: LISTENING.search(migrated.log()), "the line in the log that says where it listens")
    port = int(LISTENING.findall(migrated.log())[0])
    until(lambda: answers(("127.0.0.1", port), 200), "readiness")
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=30) == 0


def test_sigterm_finishes_the_request_at_hand(migrated: Host, listening: socket.socket, own: socket.socket) -> None:
    """A customer who is in the middle of sending gets an answer; the process ends with 0."""
    server = migrated.serve(listening, own)
    with socket.create_connection(listening.getsockname(), timeout=20) as customer:
        half = len(COMMENT) // 2
        head = f"POST /api/comments HTTP/1.1\r\nHost: test\r\nContent-Length: {len(COMMENT)}\r\nExpect: 100-continue\r\n\r\n"
        customer.sendall(head.encode())
        assert customer.recv(1000).startswith(b"HTTP/1.1 100")
        customer.sendall(COMMENT[:half].encode())
        server.send_signal(signal.SIGTERM)
        until(lambda: "Handling signal: term" in migrated.log(), "the server's noticing")
        customer.sendall(COMMENT[half:].encode())

        assert customer.recv(1000).startswith(b"HTTP/1.1 201")

    assert server.wait(timeout=30) == 0


def test_a_roll_drops_no_request(migrated: Host, listening: socket.socket, own: socket.socket) -> None:
    """New processes take over the shared socket from old ones while customers write: every comment is answered."""
    old = migrated.serve(listening, own, SHIP_COMMIT="old")
    rolled = threading.Event()
    statuses: list[int | str] = []
    customers = [threading.Thread(target=_write, args=(listening.getsockname(), rolled, statuses)) for _ in range(3)]
    for customer in customers:
        customer.start()
    try:
        with socket.create_server(("127.0.0.1", 0)) as other:
            migrated.serve(listening, other, SHIP_COMMIT="new")
            old.send_signal(signal.SIGTERM)
            assert old.wait(timeout=30) == 0
            before = len(statuses)
            until(lambda: len(statuses) > before + 20, "answers of the new process")
    finally:
        rolled.set()
        for customer in customers:
            customer.join()

    assert set(statuses) == {201}
    assert ask(listening.getsockname(), "GET", "/version") == (200, "new\n")
    metrics = ask(listening.getsockname(), "GET", "/metrics")[1]
    counts = [int(line.split()[-1]) for line in metrics.splitlines() if line.startswith("inbox_comments_created_total")]
    assert len(counts) == 2
    assert sum(counts) == len(statuses)


def _write(address: tuple[str, int], stop: threading.Event, statuses: list[int | str]) -> None:
    while not stop.is_set():
        try:
            statuses.append(ask(address, "POST", "/api/comments", COMMENT)[0])
        except (OSError, http.client.HTTPException) as error:
            statuses.append(repr(error))
