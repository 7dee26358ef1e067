"""A receiver of webhooks on a free port, which answers as well or as badly as a test tells it to."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Received:
    """One request that arrived."""

    target: str
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class Receiver:
    """Sends ``answer`` piece by piece, each after ``pause`` seconds, and closes the connection.

    While ``may_answer`` is cleared it takes requests in and lets them wait.
    """

    answer: list[bytes] = field(default_factory=lambda: status(200))
    pause: float = 0.0
    received: list[Received] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)
    _server: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _stopped: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}/hook"

    @property
    def keys(self) -> list[str]:
        """Return the idempotency keys in the order of their arrival."""
        return [request.headers["idempotency-key"] for request in self.received]

    def __enter__(self) -> Self:
        self.may_answer.set()
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self.may_answer.set()
        # Wakes the accepting thread: closing the socket alone would leave it waiting.
        socket.create_connection(self._server.getsockname()).close()
        for thread in self._threads:
            thread.join()
        self._server.close()

    def _start(self, run: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=run, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            connection, _ = self._server.accept()
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            request_line = stream.readline().decode()
            if not request_line:
                return
            headers = dict(_headers(stream))
            body = stream.read(int(headers["content-length"]))
            self.received.append(Received(request_line.split(" ")[1], headers, json.loads(body)))
            self.may_answer.wait()
            for piece in self.answer:
                if self._stopped.wait(self.pause):
                    return
                try:
                    connection.sendall(piece)
                except OSError:
                    return  # the sender gave up waiting


def status(code: int, *headers: str) -> list[bytes]:
    """Return the answer with this status and nothing in it."""
    return ["\r\n".join([f"HTTP/1.1 {code} Because", *headers, "Content-Length: 0", "", ""]).encode()]


def _headers(stream: Any) -> list[tuple[str, str]]:
    found = []
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        found.append((name.lower(), value.strip()))
    return found
