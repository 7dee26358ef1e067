"""The HTTP front of the S3 server: credentials, one request per key at a time, faults; then the emulator."""

from __future__ import annotations

import hmac
import json
import socket
import struct
import time
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from pipeline_gen.errors import ShipError
from shipping.local.objects.faults import Fault, Faults, Operation, Request
from shipping.local.objects.signature import Keys, refusal

if TYPE_CHECKING:
    from shipping.local.objects.emulator import Emulator

CONTROL = "/_control/faults"  # no bucket's name begins with an underscore
_CODES = {409: "ConditionalRequestConflict", 412: "PreconditionFailed", 500: "InternalError", 503: "SlowDown"}


class Front(ThreadingHTTPServer):
    """Listens on loopback. Remembers its connections, so that stopping does not wait for clients that keep theirs alive."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, *, keys: Keys, faults: Faults, emulator: Emulator) -> None:
        super().__init__(("127.0.0.1", port), Exchange)
        self.keys = keys
        self.faults = faults
        self.emulator = emulator
        self.address = ("127.0.0.1", int(self.server_address[1]))
        self._guard = Lock()
        self._connections: set[socket.socket] = set()
        self._turns: defaultdict[str, Lock] = defaultdict(Lock)

    def turn(self, request: Request) -> AbstractContextManager[object]:
        """Return the lock that a request must hold: S3 decides conditional writes of one key one after another.

        Reads hold it too: the emulator closes an object that is replaced under whoever reads it.
        """
        if request.operation in {"part", "list"}:
            return nullcontext()
        with self._guard:
            return self._turns[f"{request.bucket}/{request.key}"]

    def enter(self, connection: socket.socket) -> None:
        with self._guard:
            self._connections.add(connection)

    def leave(self, connection: socket.socket) -> None:
        with self._guard:
            self._connections.discard(connection)

    def hang_up(self) -> None:
        """End every connection, so that the threads that serve them end too."""
        with self._guard:
            for connection in self._connections:
                with _ignoring_closed():
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Be silent about clients that hung up; anything else is a bug and is printed."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _ignoring_closed:  # noqa: N801 - reads as the statement it is, and costs less than suppress() in a loop
    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        return isinstance(error, OSError)


class Exchange(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Front
    disable_nagle_algorithm = True
    _operations: ClassVar[dict[str, Operation]] = {"PUT": "put", "GET": "get", "HEAD": "head", "DELETE": "delete"}

    def setup(self) -> None:
        super().setup()
        self.server.enter(self.connection)

    def finish(self) -> None:
        self.server.leave(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Stay silent: `Faults.seen` is the log."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        target = urlsplit(self.path)
        if target.path == CONTROL:
            self._control(body)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get("host", "")
        code = refusal(self.server.keys, method=self.command, url=f"http://{host}{self.path}", headers=headers)
        if code is not None:
            self._error(403, code)
            return
        self._serve(self._request(unquote(target.path), target.query), headers, body)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815 - names that http.server looks for

    def _request(self, path: str, query: str) -> Request:
        bucket, _, key = path.lstrip("/").partition("/")
        asked = parse_qs(query, keep_blank_values=True)
        operation: Operation = self._operations.get(self.command, "other")
        if "partNumber" in asked:
            operation = "part"
        elif "uploads" in asked:
            operation = "begin"
        elif "uploadId" in asked:
            operation = "abort" if self.command == "DELETE" else "complete"
        elif not key:
            operation = "list" if self.command == "GET" else "other"
        return Request(method=self.command, operation=operation, bucket=bucket, key=key)

    def _serve(self, request: Request, headers: dict[str, str], body: bytes) -> None:
        fault = self.server.faults.strike(request)
        kind = fault.kind if fault else ""
        if fault and kind == "delay":
            time.sleep(fault.seconds)
        elif kind == "cut-before":
            self._reset()
            return
        elif kind.isdigit():
            self._error(int(kind), _CODES[int(kind)])
            return
        elif kind == "unconditional":
            headers = {name: value for name, value in headers.items() if name not in {"if-match", "if-none-match"}}
        with self.server.turn(request):
            status, sent, content = self.server.emulator.answer(
                method=self.command,
                target=self.path,
                headers=headers,
                body=body,
                address=self.server.address,
            )
        if kind == "cut-after":
            self._reset()
            return
        self._answer(status, sent, content, cut=kind == "cut-half")

    def _answer(self, status: int, sent: list[tuple[str, str]], content: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        names = {name.lower() for name, _ in sent}
        for name, value in sent:
            self.send_header(name, value)
        if "date" not in names:
            self.send_header("Date", self.date_time_string())
        if "content-length" not in names:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._reset()

    def _error(self, status: int, code: str) -> None:
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>'
        self._answer(status, [("Content-Type", "application/xml")], body.encode())

    def _reset(self) -> None:
        """Break the connection as a crash would: the client reads a reset, not an end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.wfile.flush()
        self.connection.close()

    def _control(self, body: bytes) -> None:
        """Add a fault (POST, JSON), forget them all (DELETE), or return what was asked so far (GET)."""
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if not hmac.compare_digest(token.encode(), self.server.keys.secret_key.encode()):
            self._error(403, "AccessDenied")
            return
        answer: object = {}
        try:
            if self.command == "POST":
                self.server.faults.add(Fault.from_json(json.loads(body)))
            elif self.command == "DELETE":
                self.server.faults.clear()
            else:
                seen = self.server.faults.seen()
                answer = [{"operation": one.operation, "bucket": one.bucket, "key": one.key} for one in seen]
        except (ShipError, ValueError, TypeError) as error:
            self._answer(400, [("Content-Type", "application/json")], json.dumps({"message": str(error)}).encode())
            return
        self._answer(200, [("Content-Type", "application/json")], json.dumps(answer).encode())
