"""The sample application, started as its README says: the demo ships it, so it has to work by itself first."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline_gen import config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLE = Path(__file__).parents[1] / "sample_app"
NOT_COMMITTED = shutil.ignore_patterns(".venv", "vendor", "__pycache__", ".pytest_cache", "*.sqlite3*", "outbox")
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the application with its environment set up."""
    copy = tmp_path_factory.mktemp("sample") / "inbox"
    shutil.copytree(SAMPLE, copy, ignore=NOT_COMMITTED)
    done = subprocess.run(["bin/setup"], cwd=copy, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return copy


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INBOX_", "LISTEN_"))}
    return kept | {
        "INBOX_DATABASE": str(tmp_path / "inbox.sqlite3"),
        "INBOX_DELIVER_TO": f"file:{tmp_path / 'desk'}",
        "INBOX_POLL": "0.05",
        "INBOX_WEB_WORKERS": "1",
        "PORT": "0",
        "SHIP_COMMIT": "c0ffee",
    }


def test_a_comment_is_written_and_sent(checkout: Path, environ: dict[str, str], tmp_path: Path) -> None:
    """Server and worker are two processes: the comment goes through the database to the desk, both end with 0."""
    subprocess.run(["bin/run", "-m", "inbox.migrate", "expand"], cwd=checkout, env=environ, check=True, timeout=30)
    logs = tmp_path / "log"
    with (
        _started(["-m", "gunicorn"], checkout, environ, logs),
        _started(["-m", "inbox.worker"], checkout, environ, logs),
    ):
        _until(lambda: LISTENING.search(logs.read_text("utf-8")), "the server's address")
        port = int(LISTENING.findall(logs.read_text("utf-8"))[0])
        _until(lambda: _ask(port, "GET", "/readyz") == (200, "ready\n"), "readiness")
        status, _ = _ask(port, "POST", "/api/comments", json.dumps({"author": "Anna", "body": "hello"}))
        _until((tmp_path / "desk" / "comment-1.json").exists, "the delivery")
        _until(lambda: '"delivery": "sent"' in _ask(port, "GET", "/api/comments/1")[1], "the record of the delivery")

        assert status == 201
        assert _ask(port, "GET", "/version") == (200, "c0ffee\n")


def test_setting_up_again_is_a_look_into_the_cache(checkout: Path) -> None:
    """Four jobs at once, without a network: they agree on one environment and leave a link that works."""
    environ = os.environ | {"PIP_NO_INDEX": "1"}
    jobs = [
        subprocess.Popen(["bin/setup"], cwd=checkout, env=environ, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = {job.communicate(timeout=60)[0] for job in jobs}

    assert [job.returncode for job in jobs] == [0] * 4
    assert said == {f"setup: .venv is {(checkout / '.venv').readlink()}\n"}
    subprocess.run([".venv/bin/python", "-c", "import pytest, coverage, jinja2"], cwd=checkout, check=True, timeout=30)


def test_its_configuration_is_valid_and_names_what_is_there() -> None:
    """Every path that the configuration names exists in the application."""
    loaded = config.load(SAMPLE / ".buildkite" / "shipping.yml")
    assert loaded.slug is not None
    assert [suite.runner for suite in loaded.suites] == ["pytest", "command"]
    named = [path for suite in loaded.suites for path in (*suite.setup, *suite.paths, *suite.always, *suite.files)]
    for layer in loaded.slug.layers:
        named += [*(layer.inputs or ()), *layer.run, *(path for path in layer.keep if path != "vendor")]

    assert loaded.slug_buckets == ("ship-inbox-us", "ship-inbox-eu", "ship-inbox-au")
    assert [path for path in named if not list(SAMPLE.glob(path))] == []


@contextlib.contextmanager
def _started(arguments: list[str], checkout: Path, environ: dict[str, str], logs: Path) -> Iterator[None]:
    with logs.open("ab") as log:
        process = subprocess.Popen(
            ["bin/run", *arguments], cwd=checkout, env=environ, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0, logs.read_text("utf-8")
    finally:
        # The whole group: a server that is killed alone would leave its workers behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def _until(true: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain: {what}"
        time.sleep(0.01)
