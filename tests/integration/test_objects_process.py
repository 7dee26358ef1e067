"""The S3 server as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from shipping.s3 import connect

if TYPE_CHECKING:
    from pathlib import Path


def started(state: Path, *arguments: str) -> subprocess.Popen[bytes]:
    program = [sys.executable, "-m", "shipping.local.objects", "--state", str(state), *arguments]
    return subprocess.Popen(program, stderr=subprocess.PIPE)


def ready(state: Path, server: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + 30
    while not (state / "objects.json").exists():
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    facts: dict[str, str] = json.loads((state / "objects.json").read_text())
    return facts


def test_it_serves_until_told_to_stop(tmp_path: Path) -> None:
    """Its file appears complete, for its owner only; SIGTERM ends it at once, kept-alive connections or not."""
    with started(tmp_path, "--bucket", "acme-us") as server:
        facts = ready(tmp_path, server)
        assert stat.S_IMODE((tmp_path / "objects.json").stat().st_mode) == 0o600
        assert str(facts["pid"]) == str(server.pid)
        environment = {
            "AWS_ENDPOINT_URL_S3": facts["url"],
            "AWS_ACCESS_KEY_ID": facts["access_key"],
            "AWS_SECRET_ACCESS_KEY": facts["secret_key"],
            "AWS_REGION": facts["region"],
        }
        with connect("acme-us", environment=environment) as bucket:
            assert bucket.create("a", b"x")
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=10) == 0
    assert not (tmp_path / "objects.json").exists()
    assert facts["secret_key"] not in " ".join(os.listdir(tmp_path))  # noqa: PTH208


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Exit 3 and one line."""
    with started(tmp_path / "one") as first:
        port = ready(tmp_path / "one", first)["url"].rpartition(":")[2]
        with started(tmp_path / "two", "--port", port) as second:
            assert second.wait(timeout=30) == 3
            assert second.stderr is not None
            assert f"'127.0.0.1:{port}'" in second.stderr.read().decode()
        first.terminate()
