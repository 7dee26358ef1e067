"""Customers at a constant rate, who never ask twice: what a roll drops is seen here.

Open loop: a slow answer does not slow down who asks next, and a request's time counts from the moment at which it was due.
Some requests come on new connections, some on kept ones, some are slow, some are POSTs with an id of their own, which the
application writes down. There are no retries. Before a connection is used again a FIN that has arrived is read (a server may
close between two requests); any other reset, an error status, a missing or cut answer is a failure.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self
from uuid import uuid4

KEPT = 24
HEAD_BYTES = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """What they do: ``rate`` requests a second, one in ``slow_every`` takes ``slow`` seconds, one in ``post_every`` is a POST.

    ``{}`` in the slow path becomes the seconds; without a slow path the slow ones are POSTs whose second half comes so much
    later. ``{}`` in the POST's body becomes its id. No answer in ``patience`` seconds is a failure.
    """

    host: str
    port: int
    rate: float = 40
    slow: float = 3.0
    slow_every: int = 10
    post_every: int = 4
    fast_path: str = "/fast"
    slow_path: str | None = "/slow/{}"
    post_path: str = "/count"
    post_body: str = "{}"
    patience: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request that was not answered as it must be."""

    at: float
    what: str
    why: str


@dataclass(slots=True, kw_only=True)
class Counted:
    """What came of it. ``closed``: kept connections whose FIN had arrived before they were used again (no failure).

    ``seen``: each answer to a fast request, and the moment it came first: with the version's path, when new code first served.
    """

    sent: int = 0
    answered: int = 0
    fresh: int = 0
    reused: int = 0
    closed: int = 0
    posted: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # of fast ones, in the order of their answers
    due: list[float] = field(default_factory=list)  # when those were due, by the machine's monotonic clock
    at_risk: int = 0
    seen: dict[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        return len(self.failures)


class _Cut(Exception):
    """The connection ended where an answer was due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """``pause``: the seconds between the two halves of the body."""

    method: str
    path: str
    body: str = ""
    pause: float = 0.0
    keep: bool


class Load:
    """Asks from entering it to leaving it, in a thread of its own; leaving waits for all answers."""

    def __init__(self, customers: Customers) -> None:
        self.counted = Counted()
        self._customers = customers
        self._kept: deque[socket.socket] = deque()
        self._flying: set[asyncio.Task[None]] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._end.set()
        self._thread.join()

    def mark(self) -> int:
        """Say that a drain begins now: what is in flight and what is kept alive is at risk. Returns how many."""
        risk = len(self._flying) + len(self._kept)
        self.counted.at_risk += risk
        return risk

    async def _run(self) -> None:
        begun = time.monotonic()
        number = 0
        while not self._end.is_set():
            due = begun + number / self._customers.rate
            task = asyncio.ensure_future(self._one(number, due))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)
            number += 1
            await asyncio.sleep(max(0.0, begun + number / self._customers.rate - time.monotonic()))
        await asyncio.gather(*self._flying)
        while self._kept:
            self._kept.pop().close()

    async def _one(self, number: int, due: float) -> None:
        asked = self._request(number)
        self.counted.sent += 1
        try:
            answer = await asyncio.wait_for(self._ask(asked), self._customers.patience)
        except (OSError, _Cut, ValueError, TimeoutError) as error:
            what = f"{asked.method} {asked.path}"
            self.counted.failures.append(Failure(at=time.time(), what=what, why=f"{type(error).__name__}: {error}"))
            return
        self.counted.answered += 1
        if asked.path == self._customers.fast_path:
            self.counted.seconds.append(time.monotonic() - due)
            self.counted.due.append(due)
            self.counted.seen.setdefault(answer, time.time())

    def _request(self, number: int) -> _Request:
        who, keep = self._customers, number % 3 != 0
        slow = number % who.slow_every == 0
        if slow and who.slow_path is not None:
            return _Request(method="GET", path=who.slow_path.format(f"{who.slow:g}"), keep=keep)
        if slow or number % who.post_every == 1:
            self.counted.posted.append(uuid4().hex)
            body = who.post_body.replace("{}", self.counted.posted[-1])
            return _Request(method="POST", path=who.post_path, body=body, pause=who.slow if slow else 0.0, keep=keep)
        return _Request(method="GET", path=who.fast_path, keep=keep)

    async def _ask(self, asked: _Request) -> str:
        """Ask, and return the answer's body."""
        connection = self._take() if asked.keep else None
        self.counted.reused += connection is not None
        if connection is None:
            connection = await self._connect()
        try:
            await self._send(connection, asked)
            answer, open_still = await _answer(connection)
        except BaseException:
            connection.close()
            raise
        if asked.keep and open_still and len(self._kept) < KEPT:
            self._kept.append(connection)
        else:
            connection.close()
        return answer

    async def _send(self, connection: socket.socket, asked: _Request) -> None:
        last = "" if asked.keep else "Connection: close\r\n"
        host, length = self._customers.host, len(asked.body)
        head = f"{asked.method} {asked.path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n{last}\r\n"
        half = length // 2 if asked.pause else length
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, (head + asked.body[:half]).encode())
        if asked.pause:
            await asyncio.sleep(asked.pause)
            await loop.sock_sendall(connection, asked.body[half:].encode())

    def _take(self) -> socket.socket | None:
        """Return the kept connection that has waited longest; those that their server closed meanwhile are put away."""
        while self._kept:
            connection = self._kept.popleft()
            try:
                waiting = connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return connection
            except OSError as error:
                connection.close()
                self._unasked(f"{type(error).__name__} between two requests")
                continue
            connection.close()
            self.counted.closed += 1
            if waiting:
                self._unasked("an answer nobody asked for")
        return None

    def _unasked(self, why: str) -> None:
        self.counted.failures.append(Failure(at=time.time(), what="kept connection", why=why))

    async def _connect(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._customers.host else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(connection, (self._customers.host, self._customers.port))
        except BaseException:
            connection.close()
            raise
        self.counted.fresh += 1
        return connection


async def _answer(connection: socket.socket) -> tuple[str, bool]:
    """Read one answer to its end. Returns its body, and whether the connection stays open.

    Raises ValueError unless it is a success.
    """
    read = b""
    while b"\r\n\r\n" not in read:
        read += await _more(connection, "in the head" if read else "before an answer")
        if len(read) > HEAD_BYTES:
            raise ValueError("a head without end")
    head, _, body = read.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "content-length" not in headers:
        raise ValueError("an answer without Content-Length")
    length = int(headers["content-length"])
    while len(body) < length:
        body += await _more(connection, f"{length - len(body)} bytes before its end")
    if len(body) > length:
        raise ValueError("more bytes than announced")
    if not 200 <= (status := int(first.split(" ")[1])) < 300:
        raise ValueError(f"status {status}")
    return body.decode(errors="replace").strip(), headers.get("connection", "").lower() != "close"


async def _more(connection: socket.socket, where: str) -> bytes:
    read = await asyncio.get_running_loop().sock_recv(connection, HEAD_BYTES)
    if not read:
        raise _Cut(f"the connection ended {where}")
    return read
