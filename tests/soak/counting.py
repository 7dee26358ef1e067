"""A front before the agent API that counts what the jobs of a build ask it, and the program that sends them there."""

from __future__ import annotations

import http.client
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.local.world import World

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HOP = frozenset({"host", "connection", "content-length", "transfer-encoding"})


@dataclass(kw_only=True)
class Counted:
    """How often each method and path was asked, ids left out."""

    target: str
    asked: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def artifact_calls(self) -> int:
        return sum(count for call, count in self.asked.items() if "/artifacts" in call)


class _Front(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        counted: Counted = self.server.counted  # type: ignore[attr-defined]
        with counted.lock:
            counted.asked[f"{self.command} {UUID.sub('ID', urlsplit(self.path).path)}"] += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        connection = http.client.HTTPConnection(urlsplit(counted.target).netloc, timeout=60)
        try:
            connection.request(self.command, self.path, body=body, headers=kept)
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815


@contextmanager
def counting(world: World) -> Iterator[Counted]:
    """Send every `buildkite-agent` that a job of the world runs through a front that counts."""
    counted = Counted(target=world.url)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Front)
    server.daemon_threads = True
    server.counted = counted  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    program = world.folder.programs / "buildkite-agent"
    real = program.resolve()
    program.unlink()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}/v3"
    program.write_text(f'#!/bin/sh\nexport BUILDKITE_AGENT_ENDPOINT={endpoint}\nexec {real} "$@"\n')
    program.chmod(0o755)
    try:
        yield counted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
