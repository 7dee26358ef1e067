"""`ship host daemon` as it runs on a host: a real process, a real bucket, real processes that answer HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import Process
from shipping.host import config, running
from tests.shipping.host.site import ENVIRONMENT, Site, open_site
from tests.shipping.slug.shop import APP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer

DEADLINE = 60.0
# It answers on the shared socket (3) and on its private one (4), until it is told to stop.
SERVER = """
import os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import socket

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["SHIP_COMMIT"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

def serve(number):
    server = HTTPServer(("127.0.0.1", 0), Answer, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=number)
    server.socket.setblocking(True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

servers = [serve(3), serve(4)]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    signal.pause()
"""


@pytest.fixture
def site(objects: ObjectServer, tmp_path: Path) -> Iterator[Site]:
    with open_site(objects, tmp_path) as site:
        (site.shop.root / "inbox/server.py").write_text(SERVER)
        command = (sys.executable, "inbox/server.py")
        site.shop.processes = (
            Process(name="web", command=command, count=2, ready="/readyz", version="/version", drain=5.0),
        )
        yield site


def test_a_host_follows_its_lane(site: Site, objects: ObjectServer) -> None:
    """Two deploys; the daemon is killed between them; a rollback; and at the end the processes outlive the daemon."""
    port = free_port()
    file = configured(site, objects, port)
    first, second = site.publish(), site.publish()
    pointer = site.flip(first)
    try:
        with daemon(file, objects) as following:
            until(lambda: answers(port) == first.commit and "complete" in site.acks(pointer))
            following.kill()
        assert answers(port) == first.commit
        pointer = site.flip(second)
        with daemon(file, objects) as following:
            until(lambda: answers(port) == second.commit and "complete" in site.acks(pointer))
            objects.faults.clear()
            pointer = site.roll_back(first)
            until(lambda: answers(port) == first.commit and "complete" in site.acks(pointer))
            assert objects.faults.seen("get", bucket=site.bucket.name, key="*/blobs/*") == []
            following.send_signal(signal.SIGTERM)
            assert following.wait(DEADLINE) == 0
        assert answers(port) == first.commit
    finally:
        with running.supervisor(config.load(file)) as groups:
            groups.stop()
    with pytest.raises(OSError, match="refused"):
        answers(port)


def test_a_configuration_that_is_wrong(tmp_path: Path) -> None:
    """Every fault at once, and exit status 2."""
    file = tmp_path / "host.toml"
    file.write_text('app = "inbox"\nspred = 3\npoll = "often"\n')

    done = subprocess.run(command(file), capture_output=True, text=True, check=False)

    assert done.returncode == 2
    for told in (
        "spred: found an unknown key",
        "did you mean 'spread'?",
        "poll: found 'often'",
        "bucket: found nothing",
    ):
        assert told in done.stderr


def configured(site: Site, objects: ObjectServer, port: int) -> Path:
    site.folder.mkdir(exist_ok=True)
    file = site.folder / "host.toml"
    facts = {
        "app": APP,
        "environment": ENVIRONMENT,
        "bucket": site.bucket.name,
        "folder": str(site.folder / "host-1"),
        "host": "host-1",
        "endpoint": objects.url,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in facts.items()]
    file.write_text("\n".join([*lines, "spread = 1", "poll = 0.1", "[listen]", f'web = "127.0.0.1:{port}"']))
    return file


def command(file: Path) -> list[str]:
    return [sys.executable, "-m", "shipping.cli", "host", "daemon", "--config", str(file)]


def daemon(file: Path, objects: ObjectServer) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(file), env={**os.environ, **objects.environment}, stdout=subprocess.DEVNULL)


def answers(port: int) -> str:
    """Return the commit of whoever answers a customer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return str(answer.read().decode())


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except OSError:
            pass  # nobody listens yet
        time.sleep(0.05)
    raise AssertionError("it did not come to be")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
