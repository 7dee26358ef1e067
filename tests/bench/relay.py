"""A relay before an HTTP server that notes what was asked when, and how many bytes the answer had. It changes nothing."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_REQUEST = re.compile(rb"(GET|PUT|HEAD|POST|DELETE) (\S+) HTTP/1.1\r\n")
_ANSWER = re.compile(rb"HTTP/1.1 ([2-5]\d\d)")  # not the 100 that asks for a body, which may come just before
_PIECE = 65536


@dataclass(slots=True, kw_only=True)
class Call:
    """One request; times by the machine's monotonic clock."""

    method: str
    path: str
    asked: float
    answered: float = 0.0
    status: int = 0
    bytes: int = 0


@dataclass(kw_only=True)
class Relay:
    """``calls`` in the order in which they were asked. `clear` before what is to be measured."""

    url: str
    calls: list[Call] = field(default_factory=list)

    def clear(self) -> None:
        self.calls.clear()

    def first(self, method: str, part: str, *, status: int = 200) -> Call | None:
        """Return the first call so far that was answered so."""
        return next(
            (one for one in self.calls if one.method == method and part in one.path and one.status == status), None
        )


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    """Relay to the server at ``target``; ends with all connections closed."""
    there = urlsplit(target)
    threads: list[threading.Thread] = []
    open_ones: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        relay = Relay(url=f"http://127.0.0.1:{listening.getsockname()[1]}")

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listening.accept()
                    far = socket.create_connection((str(there.hostname), there.port or 80))
                    open_ones.extend((near, far))
                    heard: list[Call] = []
                    for pump in (_requests, _answers):
                        threads.append(threading.Thread(target=pump, args=(near, far, relay, heard)))
                        threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield relay
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for one in open_ones:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for one in open_ones:
                one.close()


def _requests(near: socket.socket, far: socket.socket, relay: Relay, heard: list[Call]) -> None:
    with suppress(OSError):
        while piece := near.recv(_PIECE):
            if found := _REQUEST.match(piece):
                heard.append(Call(method=found[1].decode(), path=found[2].decode(), asked=time.monotonic()))
                relay.calls.append(heard[-1])
            far.sendall(piece)
        far.shutdown(socket.SHUT_WR)


def _answers(near: socket.socket, far: socket.socket, _relay: Relay, heard: list[Call]) -> None:
    with suppress(OSError):
        while piece := far.recv(_PIECE):
            call = heard[-1]
            if found := _ANSWER.search(piece):
                call.status, call.answered = int(found[1]), time.monotonic()
            call.bytes += len(piece)
            near.sendall(piece)
        near.shutdown(socket.SHUT_WR)
