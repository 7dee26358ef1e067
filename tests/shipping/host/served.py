"""An application as a host's contract wants it, of the standard library: run in a release's folder, which says how it behaves.

``behaviour`` in the folder: ``good``, ``exit`` (does not boot), ``dies`` (after it was asked whether it is ready), ``unready``,
``wrong`` (answers another version), ``deaf`` (ignores SIGTERM), ``forks`` (leaves a child behind).
"""

from __future__ import annotations

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

BEHAVIOUR = Path("behaviour").read_text()
VERSION = "other" if BEHAVIOUR == "wrong" else os.environ["SHIP_COMMIT"]
IDLE = 5.0  # a connection that was accepted will bring a request; here none is kept
draining = threading.Event()
opened = threading.Event()


Request = socket.socket | tuple[bytes, socket.socket]  # as socketserver has it


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Server = self.server  # type: ignore[assignment]
        server.busy.add(self)
        try:
            self.answer()
        finally:
            server.busy.discard(self)

    def answer(self) -> None:
        status, body = 200, f"{VERSION}\n"
        if self.path == "/readyz":
            status = 503 if BEHAVIOUR == "unready" else 200
            if BEHAVIOUR == "dies":
                os._exit(7)
        elif self.path.startswith("/slow/"):
            time.sleep(float(self.path.removeprefix("/slow/")))
        self.close_connection = draining.is_set()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body.encode())
        if self.path == "/readyz":
            opened.set()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, number: int) -> None:
        super().__init__(("", 0), Answer, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=number)
        # Another group may take the connection that woke us: a blocking accept would hold up the end of this one.
        self.socket.setblocking(False)
        self.server_name, self.server_port = "served", 0
        self.accepted: set[object] = set()
        self.busy: set[Answer] = set()

    def process_request(self, request: Request, client_address: object) -> None:
        self.accepted.add(request)  # not in its thread: what was accepted is counted before we end
        super().process_request(request, client_address)

    def shutdown_request(self, request: Request) -> None:
        super().shutdown_request(request)
        self.accepted.discard(request)


def main() -> None:
    if BEHAVIOUR == "exit":
        sys.exit("it does not boot: no such module")
    assert os.environ["LISTEN_PID"] == str(os.getpid())
    assert os.environ["LISTEN_FDNAMES"] == "shared:private"
    private, shared = Server(4), Server(3)
    signal.signal(signal.SIGTERM, lambda *_: draining.set())
    if BEHAVIOUR == "forks":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    threading.Thread(target=private.serve_forever, args=(0.02,), daemon=True).start()
    opened.wait()
    threading.Thread(target=shared.serve_forever, args=(0.02,), daemon=True).start()
    while not draining.wait(0.05):
        pass  # CPython can lose the one wake-up that a signal gives to a lock: a wait without an end may then never end
    if BEHAVIOUR == "deaf":
        threading.Event().wait()
    shared.shutdown()
    private.shutdown()
    until = time.monotonic() + IDLE
    while shared.accepted and (time.monotonic() < until or shared.busy):
        time.sleep(0.01)


if __name__ == "__main__":
    main()
