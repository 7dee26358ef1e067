"""Readiness and version, asked of a real server."""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from shipping.host import probe

if TYPE_CHECKING:
    from collections.abc import Iterator


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = self.server.said[self.path]  # type: ignore[attr-defined]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def saying(said: dict[str, tuple[int, bytes]]) -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    server.said = said  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("version", [b"abc", b"abc\n", b'{"commit": "abc", "since": 1}'])
def test_ready_is_200_and_the_releases_commit(version: bytes) -> None:
    """As text, or as a value of an object."""
    with saying({"/readyz": (200, b""), "/version": (200, version)}) as port:
        assert probe.look(port, ready="/readyz", version="/version", commit="abc") is None


@pytest.mark.parametrize(
    ("ready", "version", "why"),
    [
        ((503, b""), (200, b"abc"), "'/readyz' answered 503"),
        ((302, b""), (200, b"abc"), "'/readyz' answered 302"),
        ((200, b""), (200, b"abcd"), "'/version' answered 200 'abcd' instead of commit 'abc'"),
        ((200, b""), (500, b"abc"), "'/version' answered 500"),
    ],
)
def test_anything_else_is_not_ready(ready: tuple[int, bytes], version: tuple[int, bytes], why: str) -> None:
    """And says why."""
    with saying({"/readyz": ready, "/version": version}) as port:
        said = probe.look(port, ready="/readyz", version="/version", commit="abc")

    assert said is not None
    assert why in said


def test_nobody_there_is_not_ready() -> None:
    """Refused connections are said, not raised."""
    with saying({}) as port:
        pass

    assert "did not answer" in str(probe.look(port, ready="/readyz", version=None, commit="abc"))
