"""The control plane as a process: found by its file, stopped by a signal, killed and started again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from shipping.local.control import ControlInfo, running
from tests.integration.local.clients import FakeAgent, Rest, Work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 15.0


class Process:
    """``python -m shipping.local.control`` on a folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "shipping.local.control", "--state", str(folder), *arguments],
            stderr=subprocess.PIPE,
            text=True,
        )

    def info(self) -> ControlInfo:
        """Wait until the process has said where it listens."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                info = ControlInfo(**json.loads((self.folder / "control.json").read_text()))
                if info.pid == self.process.pid:
                    return info
            time.sleep(0.02)
        raise AssertionError("the control plane did not come up")

    def end(self, name: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(name)
        _, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, err


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[Process]:
    """Start the process, and make sure that it is gone afterwards."""
    process = Process(folder, *arguments)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.kill()
        process.process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_promptly_and_cleanly(tmp_path: Path, name: signal.Signals) -> None:
    """No word, no file, no trace, though an agent still holds a connection."""
    with started(tmp_path) as process:
        info = process.info()
        assert stat.S_IMODE((tmp_path / "control.json").stat().st_mode) == 0o600
        with socket.create_connection(("127.0.0.1", int(info.url.rpartition(":")[2]))) as held:
            held.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert held.recv(12) == b"HTTP/1.1 200"
            before = time.monotonic()
            assert process.end(name) == (0, "")
            assert time.monotonic() - before < 5
        assert not (tmp_path / "control.json").exists()


BEFORE_THE_KILL = 10
"""So many rounds of calls were answered."""


def test_killed_and_started_again_it_knows_all_and_running_jobs_go_on(tmp_path: Path) -> None:
    """Same address, same tokens, same job in the agent's hands; nothing that was acknowledged is lost."""
    with started(tmp_path) as process:
        before = process.info()
        rest, agent = Rest(before), FakeAgent.register(before)
        rest.start({"key": "a", "command": "x"}, "wait", {"key": "z", "command": "z"})
        work = agent.begin()
        work.log(1, "one\n")
        work.call("POST", "/data/set", {"key": "k", "value": "v"})
        work.call("POST", "/annotations", {"body": "note"})
        work.keep("a.txt", b"content")
        assert work.upload({"group": "g", "steps": [{"key": "b", "command": "y", "parallelism": 2}]}).status == 200
        told = rest.read()
        assert process.end(signal.SIGKILL)[0] == -signal.SIGKILL

    with started(tmp_path) as process:
        after = process.info()
        assert (after.url, after.agent_token, after.api_token) == (before.url, before.agent_token, before.api_token)
        assert rest.read() == told
        assert work.log(2, "two\n").status == 201
        assert work.search("a.txt") != []
        assert work.call("POST", "/data/get", {"key": "k"}).json["value"] == "v"
        assert work.finish().status == 200
        for _ in range(3):
            agent.begin().finish()
        assert rest.read()["state"] == "passed"
        log = rest.call("GET", f"/pipelines/inbox/builds/1/jobs/{work.id}/log").json["content"]
        assert log == "one\ntwo\n"


def test_killed_in_the_middle_of_many_calls_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """Uploads that were answered are there; one that was not is there whole or not at all, and can be sent again."""
    with started(tmp_path) as process:
        info = process.info()
        rest, agent = Rest(info), FakeAgent.register(info)
        rest.start({"key": "a", "command": "x"})
        work = agent.begin()
        acknowledged, asked = _upload_until_it_dies(work, info.pid)

    with started(tmp_path) as process:
        process.info()
        kept = {key for key in rest.states() if key != "a"}
        assert {f"{name}-{part}" for name in acknowledged for part in "xy"} <= kept
        assert {key[:-2] for key in kept} <= set(asked)
        assert all(key[:-1] + ("y" if key.endswith("x") else "x") in kept for key in kept)
        assert {_upload(work, name) for name in asked} == {200}
        assert len(rest.states()) == 1 + 2 * len(asked)


def test_whatever_it_acknowledged_before_it_was_killed_is_there_afterwards(tmp_path: Path) -> None:
    """Lines of log, meta-data, annotations, artifacts: each call that was answered, and of the last one all or nothing."""
    with started(tmp_path) as process:
        info = process.info()
        rest, agent = Rest(info), FakeAgent.register(info)
        rest.start({"key": "a", "command": "x"})
        work = agent.begin()
        told = _tell_until_it_dies(work, info.pid)

    with started(tmp_path) as process:
        process.info()
        log = rest.call("GET", f"/pipelines/inbox/builds/1/jobs/{work.id}/log").json["content"].splitlines()
        kept = {
            "log": {int(line) for line in log},
            "data": {int(key) for key in rest.read()["meta_data"]},
            "annotation": {
                int(one["context"])
                for one in rest.call("GET", "/pipelines/inbox/builds/1/annotations?per_page=100").json
            },
            "artifact": {int(one["path"]) for one in work.search("*")},
        }
        assert min(len(numbers) for numbers in kept.values()) > 1
        for kind, numbers in kept.items():
            acknowledged = {number for one, number in told if one == kind}
            assert acknowledged <= numbers, f"lost of {kind}: {acknowledged - numbers}"
            assert len(numbers - acknowledged) <= 1


def _tell_until_it_dies(work: Work, pid: int) -> list[tuple[str, int]]:
    """Make calls of every kind in turn, kill it amid them; return those that were answered."""
    told: list[tuple[str, int]] = []
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.ExitStack() as killers:
        for number in range(1, 100):
            if number == BEFORE_THE_KILL:
                killers.enter_context(_kill_soon(pid))
            assert work.log(number, f"{number}\n").status == 201
            told.append(("log", number))
            assert work.call("POST", "/data/set", {"key": str(number), "value": "v"}).status == 200
            told.append(("data", number))
            assert work.call("POST", "/annotations", {"context": str(number), "body": "note"}).status == 201
            told.append(("annotation", number))
            work.keep(str(number), b"content")
            told.append(("artifact", number))
        raise AssertionError("it was not killed")
    return told


def _upload(work: Work, name: str) -> int:
    steps = ({"key": f"{name}-{part}", "command": part} for part in "xy")
    return work.upload(*steps, upload_id=name).status


def _upload_until_it_dies(work: Work, pid: int) -> tuple[list[str], list[str]]:
    acknowledged: list[str] = []
    asked: list[str] = []
    for number in range(400):
        if number == BEFORE_THE_KILL:
            killer = _kill_soon(pid)
        asked.append(f"u{number}")
        try:
            if _upload(work, asked[-1]) == 200:
                acknowledged.append(asked[-1])
        except (OSError, http.client.HTTPException):
            killer.wait()
            return acknowledged, asked
    raise AssertionError("it was not killed")


def _kill_soon(pid: int) -> subprocess.Popen[bytes]:
    """Kill a process from another one, a moment from now: between two calls, or in the middle of one."""
    return subprocess.Popen(["/bin/sh", "-c", f"sleep 0.0{random.randrange(10)}; kill -9 {pid}"])


def test_a_folder_has_one_control_plane(tmp_path: Path) -> None:
    """The second says so, whichever way it is started, and leaves the first alone."""
    with running(tmp_path) as info, started(tmp_path) as second:
        _, err = second.process.communicate(timeout=PATIENCE)

        assert second.process.returncode == 3
        assert err == f"error: could not use the state folder {str(tmp_path)!r}: another control plane runs on it\n"
        assert Rest(info).call("GET", "/agents").status == 200


def test_a_port_that_is_taken_is_an_infrastructure_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        expected = rf"could not listen on 127\.0\.0\.1:{port}: Address already in use"
        with pytest.raises(InfraError, match=expected), running(tmp_path, port=port):
            pass
    assert not (tmp_path / "control.json").exists()


def test_where_its_old_port_is_taken_it_finds_another(tmp_path: Path) -> None:
    with running(tmp_path) as info:
        port = int(info.url.rpartition(":")[2])
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with running(tmp_path) as info:
            assert int(info.url.rpartition(":")[2]) != port


def test_a_state_folder_that_cannot_be_is_an_infrastructure_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InfraError, match="could not use the state folder"), running(tmp_path / "file" / "state"):
        pass


def test_a_damaged_ledger_is_said_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"this is no database" * 100)

    with pytest.raises(InfraError, match="could not open the ledger"), running(tmp_path):
        pass
    assert (tmp_path / "ledger.sqlite3").read_bytes().startswith(b"this is no database")


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    """On every other address of this machine there is nobody."""
    with running(tmp_path) as info:
        port = int(info.url.rpartition(":")[2])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            # No packet is sent: the kernel only says which address it would use.
            with contextlib.suppress(OSError):
                probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        other = address if address not in ("0.0.0.0", "127.0.0.1") else "127.0.0.2"  # noqa: S104 - compared, not bound
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((other, port), timeout=2).close()
    assert info.pid == os.getpid()
