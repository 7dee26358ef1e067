"""A disk that is full and a database that somebody else holds: said in one message, and nothing is half done."""

from __future__ import annotations

import resource
import shutil
import signal
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from shipping.local.control import running
from tests.integration.local.clients import FakeAgent, Rest
from tests.integration.local.test_process import PATIENCE, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.local.clients import Work
    from tests.integration.local.test_process import Process

NO_MORE = 0  # bytes by which files of the process may still grow


def limit(process: Process, most: int) -> None:
    """Let no file of the process grow past so many bytes: what a full disk does, for one process only."""
    hard = resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (most, hard))


@pytest.fixture
def work(tmp_path: Path) -> Iterator[tuple[Process, Rest, Work]]:
    """A job that runs, on a control plane of its own process."""
    with started(tmp_path) as process:
        info = process.info()
        rest = Rest(info)
        rest.start({"key": "a", "command": "x"}, {"key": "b", "command": "y", "depends_on": "a"})
        yield process, rest, FakeAgent.register(info).begin()


def test_on_a_full_disk_nothing_is_acknowledged_and_everything_can_be_said_again(
    tmp_path: Path, work: tuple[Process, Rest, Work]
) -> None:
    """The agent is told to try again (503), people what to do; with space again all goes on, time too."""
    process, rest, job = work
    assert job.log(1, "one\n").status == 201

    limit(process, NO_MORE)
    refused = [
        job.log(2, "two\n"),
        job.call("POST", "/data/set", {"key": "k", "value": "v"}),
        job.call("POST", "/annotations", {"body": "note"}),
        job.announce({"path": "a.txt", "file_size": 3}),
        job.upload({"key": "c", "command": "z"}),
        job.finish(),
        rest.call("POST", "/pipelines/inbox/builds", {"commit": "HEAD", "branch": "main", "message": "m"}),
    ]

    ledger = str(tmp_path / "ledger.sqlite3")
    assert {503} == {answer.status for answer in refused}
    for answer in refused:
        assert answer.message.startswith(f"could not write the ledger {ledger!r}: ")
        assert f"see `df {tmp_path}`" in answer.message
        assert "\n" not in answer.message
    assert rest.states() == {"a": "running", "b": "waiting"}
    assert len(rest.call("GET", "/pipelines/inbox/builds").json) == 1

    limit(process, resource.RLIM_INFINITY)
    assert job.log(2, "two\n").status == 201
    assert job.keep("a.txt", b"abc")
    assert job.upload({"key": "c", "command": "z"}).status == 200
    assert job.finish().status == 200
    assert rest.states() == {"a": "passed", "b": "waiting", "c": "scheduled"}
    assert rest.call("GET", f"/pipelines/inbox/builds/1/jobs/{job.id}/log").json["content"] == "one\ntwo\n"
    code, said = process.end(signal.SIGTERM)
    assert (code, said.count("could not write the ledger") <= 1) == (0, True)


def test_time_outs_come_although_the_disk_was_full_when_they_were_due(tmp_path: Path) -> None:
    """The ticking goes on: an agent that falls silent meanwhile is lost once there is space again."""
    with started(tmp_path, "--lost-after", "0.5") as process:
        info = process.info()
        rest = Rest(info)
        rest.start({"key": "a", "command": "x"})
        FakeAgent.register(info).begin()
        limit(process, NO_MORE)
        said = process.process.stderr
        assert said is not None
        line = said.readline()

        limit(process, resource.RLIM_INFINITY)

        assert line.startswith("could not write the ledger")
        deadline = time.monotonic() + PATIENCE
        while rest.states() != {"a": "failed"}:
            assert time.monotonic() < deadline, rest.states()
            time.sleep(0.05)


def test_an_artifact_that_does_not_fit_is_sent_again(tmp_path: Path, work: tuple[Process, Rest, Work]) -> None:
    """Its bytes are refused, no half of it stays, and the second time it is there."""
    process, _, job = work
    told = job.announce({"path": "big", "file_size": 4 * 1024 * 1024})
    assert told.status == 201
    ledger = max(one.stat().st_size for one in tmp_path.iterdir())
    limit(process, max(ledger * 2, 1024 * 1024))

    with pytest.raises(AssertionError):
        job.keep("big", b"x" * 4 * 1024 * 1024)
    assert list((tmp_path / "artifacts").iterdir()) == []

    limit(process, resource.RLIM_INFINITY)
    assert job.keep("big", b"x" * 4 * 1024 * 1024)
    assert len(list((tmp_path / "artifacts").iterdir())) == 1


def test_a_database_that_somebody_holds_is_said_and_let_go_of(tmp_path: Path, work: tuple[Process, Rest, Work]) -> None:
    _, rest, job = work
    with sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = job.log(1, "one\n")
        assert rest.states() == {"a": "running", "b": "waiting"}
        other.execute("ROLLBACK")
    other.close()

    assert refused.status == 503
    assert "database is locked; hint: another program holds the file: end it (`fuser " in refused.message
    assert job.log(1, "one\n").status == 201


def test_a_database_that_somebody_holds_keeps_it_from_starting(tmp_path: Path) -> None:
    """In one sentence, with exit status 3; nothing is left that says it runs."""
    with running(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with started(tmp_path, "--port", "0") as process:
            _, said = process.process.communicate(timeout=PATIENCE)
    other.close()

    assert process.process.returncode == 3
    assert said.startswith(
        f"error: could not write the ledger {str(tmp_path / 'ledger.sqlite3')!r}: database is locked"
    )
    assert "Traceback" not in said
    assert not (tmp_path / "control.json").exists()


def test_a_disk_that_is_full_from_the_start_is_said(tmp_path: Path) -> None:
    with running(tmp_path):
        pass
    shutil.rmtree(tmp_path / "artifacts", ignore_errors=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (NO_MORE, hard))
    try:
        with pytest.raises(InfraError, match=r"could not (write|open) the ledger"), running(tmp_path):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_a_killed_upload_left_is_swept_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "a.0123.partial").write_bytes(b"half")
    (tmp_path / ".control.json.partial").write_text("{")

    with running(tmp_path):
        assert list((tmp_path / "artifacts").iterdir()) == []
        assert not (tmp_path / ".control.json.partial").exists()
