"""The drain wrapper, as a process of its own on two sockets of ours."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shipping.host import sockets
from shipping.serving import asgi
from tests.shipping.host.hosts import until

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVERS = Path(__file__).parents[2] / "soak" / "servers"
# As a keeper does: the sockets become 3 and 4 of what is executed.
BECOME = """
import os, sys
shared, private, *command = sys.argv[1:]
os.dup2(int(shared), 28), os.dup2(int(private), 29), os.dup2(28, 3), os.dup2(29, 4)
os.closerange(5, 64)
os.execv(command[0], command)
"""


class Group:
    """The wrapper with its application, and connections to its two sockets."""

    def __init__(self, process: subprocess.Popen[bytes], shared: int, private: int) -> None:
        self.process = process
        self.shared = shared
        self.private = private

    def ask(self, path: str) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.private, timeout=10)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()


@contextmanager
def group(folder: Path, behaviour: str = "good") -> Iterator[Group]:
    (folder / "behaviour").write_text(behaviour)
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SERVERS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LISTEN_FDS": "2",
        "SHIP_READY": "/readyz",
        "SHIP_DRAIN": "10",
        "SHIP_COMMIT": "c1",
    }
    shared, private = sockets.listen("127.0.0.1", 0), sockets.listen("127.0.0.1", 0)
    numbers = (shared.fileno(), private.fileno())
    command = [sys.executable, str(Path(asgi.__file__)), "app:app"]
    process = subprocess.Popen(
        [sys.executable, "-c", BECOME, *map(str, numbers), *command],
        cwd=folder,
        env=env,
        pass_fds=numbers,
        stderr=subprocess.DEVNULL,
    )
    made = Group(process, shared.getsockname()[1], private.getsockname()[1])
    private.close()
    try:
        yield made
    finally:
        shared.close()
        process.kill()
        process.wait()


@pytest.fixture
def good(tmp_path: Path) -> Iterator[Group]:
    with group(tmp_path) as made:
        yield made


def kept(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/fast")
    connection.getresponse().read()
    return connection


def test_no_customer_is_accepted_before_readiness_was_answered(good: Group) -> None:
    """A connection waits in the shared socket's queue; asked for readiness on its own, the group takes it."""
    until(lambda: good.ask("/version") == 200)
    customer = socket.create_connection(("127.0.0.1", good.shared), timeout=0.5)
    customer.sendall(b"GET /fast HTTP/1.1\r\nHost: here\r\n\r\n")
    with pytest.raises(TimeoutError):
        customer.recv(1)

    assert good.ask("/readyz") == 200
    customer.settimeout(10)
    answer = customer.recv(100)
    customer.close()

    assert answer.startswith(b"HTTP/1.1 200")


def test_an_unready_application_never_meets_a_customer(tmp_path: Path) -> None:
    """It answers 503 on its own socket; on the shared one it accepts nobody."""
    with group(tmp_path, "unready") as unready:
        until(lambda: unready.ask("/readyz") == 503)
        customer = socket.create_connection(("127.0.0.1", unready.shared), timeout=0.5)
        customer.sendall(b"GET /fast HTTP/1.1\r\nHost: here\r\n\r\n")
        with pytest.raises(TimeoutError):
            customer.recv(1)
        customer.close()


def test_told_to_finish_it_answers_kept_connections_once_more_and_ends_with_0(good: Group) -> None:
    """The request that was on its way is answered, with `Connection: close`; a slow one is finished."""
    until(lambda: good.ask("/readyz") == 200)
    first, slow = kept(good.shared), kept(good.shared)
    slow.request("GET", "/slow/1")

    good.process.send_signal(signal.SIGTERM)
    until(lambda: good.ask("/version") is None)
    first.request("GET", "/fast")
    answer = first.getresponse()

    assert (answer.status, answer.headers["Connection"]) == (200, "close")
    assert slow.getresponse().status == 200
    assert good.process.wait(20) == 0
    first.close()
    slow.close()


def test_an_idle_connection_is_kept_for_a_while_and_does_not_hold_up_the_end(good: Group) -> None:
    """A fifth of the drain, then it is closed."""
    until(lambda: good.ask("/readyz") == 200)
    idle = kept(good.shared)

    good.process.send_signal(signal.SIGTERM)

    assert good.process.wait(20) == 0
    idle.close()
