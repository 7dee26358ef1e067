"""Starts the application's processes as the host does. Nothing of it is imported here: these tests run on every change."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.deadline import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

# Puts the inherited sockets where LISTEN_FDS promises them, from number 3 on.
_WITH_SOCKETS = """
import os, sys
command, *given = sys.argv[1].split(","), *map(int, sys.argv[2:4])
for wanted, number in enumerate(given, start=3):
    os.dup2(number, wanted)
os.execv(sys.executable, [sys.executable, *command])
"""


@dataclass(slots=True)
class Host:
    """Runs processes with one environment, and ends them all with the test."""

    environ: dict[str, str]
    logs: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the application's folder to its end."""
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False, timeout=60
        )

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[bytes]:
        """Start Python in the application's folder; its output goes to the log."""
        return self._start([sys.executable, *arguments], self.environ | environ)

    def serve(
        self, shared: socket.socket, own: socket.socket, readiness: int = 200, **environ: str
    ) -> subprocess.Popen[bytes]:
        """Start the server with two listening sockets, and return when it answers on its own one."""
        # Numbers far from 3 and 4, so that moving one does not overwrite the other.
        given = [fcntl.fcntl(each.fileno(), fcntl.F_DUPFD, 50) for each in (shared, own)]
        command = [sys.executable, "-c", _WITH_SOCKETS, "-m,gunicorn", *map(str, given)]
        try:
            process = self._start(command, self.environ | environ | {"LISTEN_FDS": "2"}, pass_fds=given)
        finally:
            for number in given:
                os.close(number)
        until(
            lambda: process.poll() is not None or answers(own.getsockname(), readiness),
            f"the server's answer {readiness}",
        )
        assert process.poll() is None, self.log()
        return process

    def log(self) -> str:
        return self.logs.read_text(encoding="utf-8")

    def _start(
        self, command: list[str], environ: dict[str, str], pass_fds: list[int] | None = None
    ) -> subprocess.Popen[bytes]:
        with self.logs.open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=log, stderr=log, pass_fds=pass_fds or [], start_new_session=True
            )
        self.running.append(process)
        return process


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("INBOX_", "LISTEN_", "SHIP_"))}
    environ |= {
        "INBOX_COMMENTS_PER_MINUTE": "100000",
        "INBOX_DATABASE": str(tmp_path / "inbox.sqlite3"),
        "INBOX_DELIVER_TO": f"file:{tmp_path / 'out'}",
        "INBOX_POLL": "0.1",
        "INBOX_WEB_WORKERS": "1",
        "SHIP_COMMIT": "c0ffee",
        "SHIP_ENVIRONMENT": "us",
    }
    made = Host(environ, tmp_path / "log")
    yield made
    for process in made.running:
        # The whole group: a server that is killed alone would leave its workers behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def migrated(host: Host) -> Host:
    done = host.run("-m", "inbox.migrate", "expand")
    assert done.returncode == 0, done.stderr
    return host


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def own() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def ask(address: tuple[str, int], method: str, path: str, body: str | None = None) -> tuple[int, str]:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection(*address, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def answers(address: tuple[str, int], readiness: int) -> bool:
    """Tell whether the process at the address answers so when it is asked whether it is ready."""
    try:
        return ask(address, "GET", "/readyz")[0] == readiness
    except OSError:
        return False
