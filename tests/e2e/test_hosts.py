"""A merge on its way to hosts of this machine, by commands alone: `ship local up`, `build`, `host`, `down`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shipping.local.processes import table, working_in
from shipping.local.world import Folder
from shipping.local.world.launch import stop
from shipping.local.world.sweep import remains
from tests.e2e.test_local_world import until
from tests.e2e.test_shipping import make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.repository import Repository

SHIP = [sys.executable, "-m", "shipping.cli", "local"]
SERVED = Path(__file__).parents[1] / "shipping" / "host" / "served.py"
HOSTS = ["us-1", "us-2", "us-3"]
SHIPPING = f"""
app: APP
bucket: hosts
slug:
  layers:
    app: {{keep: [served.py, behaviour, worker]}}
processes:
  web: {{command: "PYTHON served.py", count: 2, ready: /readyz, version: /version, drain: 10s}}
  worker: {{command: "sh worker", drain: 5s}}
regions:
  us: {{bucket: hosts, fleet: {{hosts: {json.dumps(HOSTS)}}}, spread: 1s}}
"""
WORKER = 'echo "worker for $INBOX_DESK"; trap "exit 0" TERM; while :; do sleep 0.2; done\n'
FILES = {"behaviour": "good", "worker": WORKER}


class Here:
    """One world, as a person has it: a repository, a state folder, commands."""

    def __init__(self, repository: Repository, state: Path, agent: Path) -> None:
        self.repository, self.state, self.agent = repository, state, agent

    def ship(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SHIP, *words, "--state", str(self.state), "--repo", str(self.repository.root)],
            env={**os.environ, "SHIP_BUILDKITE_AGENT": str(self.agent)},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def say(self, *words: str) -> str:
        done = self.ship(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def hosts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.say("host", "ls", "--json"))
        return found

    def merge(self, message: str) -> str:
        """Merge something, build it as a person does, and wait until every host has it."""
        commit = self.repository.commit(message, {"note": message})
        self.say("build", "--wait")
        until(lambda: {(one["commit"], one["roll"]) for one in self.hosts()} == {(commit, "complete")}, seconds=120)
        return commit

    def processes(self) -> set[int]:
        entries = table()
        found = remains(Folder(self.state)) | working_in(self.state, entries)
        return {process.pid for process in found}


@pytest.fixture
def here(tmp_path: Path, agent_program: Path, short_folder: Callable[[], Path]) -> Iterator[Here]:
    files = {**FILES, "served.py": SERVED.read_text()}
    state = short_folder() / "state"
    yield Here(make(tmp_path / "repository", "hosted", files, SHIPPING), state, agent_program)
    stop(Folder(state))


def answers(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/version", timeout=5) as answer:
        return str(answer.read().decode().strip())


def test_a_merge_is_served_by_every_host_and_nothing_is_left(here: Here, tmp_path: Path) -> None:
    """Up, a merge, hosts that serve it; a daemon killed while they do; killed altogether, up again; down."""
    variables = tmp_path / "env"
    variables.write_text("# for a person\n\nINBOX_DESK=desk=1\n")
    up = here.say("up", "--detach", "--agents", "2", "--env-file", str(variables))
    assert "hosts   us: us-1, us-2, us-3" in up
    assert [(one["host"], one["commit"], one["groups"]) for one in here.hosts()] == [(name, None, []) for name in HOSTS]

    commit = here.merge("one")

    found = here.hosts()
    assert [answers(one["addresses"]["web"]) for one in found] == [commit] * 3
    assert {(g["process"], g["phase"]) for one in found for g in one["groups"]} == {
        ("web", "serving"),
        ("worker", "serving"),
    }
    assert [len(one["groups"]) for one in found] == [3] * 3
    shown = here.say("host", "ls").splitlines()
    assert [line.split()[:2] for line in shown] == [[f"us/{name}", commit[:12]] for name in HOSTS]
    assert f"rolling to {commit[:12]}" in here.say("host", "log", "us-2")
    assert "worker for desk=1" in here.say("host", "log", "us/us-3", "--process", "worker")

    os.kill(found[0]["pid"], signal.SIGKILL)
    until(lambda: here.hosts()[0]["pid"] not in {None, found[0]["pid"]})
    assert answers(found[0]["addresses"]["web"]) == commit
    assert here.hosts()[0]["groups"] == found[0]["groups"]
    second = here.merge("two")
    assert [answers(one["addresses"]["web"]) for one in found] == [second] * 3

    holder = Folder(here.state).holder()
    assert holder is not None
    os.kill(holder.process.pid, signal.SIGKILL)
    assert answers(found[0]["addresses"]["web"]) == second
    assert "cleaned up after a run that was killed" in here.ship("up", "--detach", "--agents", "2").stderr
    assert [one["addresses"] for one in here.hosts()] == [one["addresses"] for one in found]
    third = here.merge("three")
    assert [answers(one["addresses"]["web"]) for one in found] == [third] * 3

    here.say("down")

    assert here.processes() == set()


def test_what_is_typed_wrong_is_told(here: Here) -> None:
    """A host, a region, a process that is not there; a world that is not up; variables that are none."""
    late = here.ship("host", "ls")
    assert (late.returncode, "hint: start one with `ship local up --detach" in late.stderr) == (2, True)
    wrong = here.ship("up", "--detach", "--env-file", str(here.repository.root / "behaviour"))
    assert wrong.returncode == 2
    assert "cannot read line 1 of" in wrong.stderr

    here.say("up", "--detach", "--agents", "1")

    for words, message in (
        (["log", "us-4"], "cannot find the host 'us-4'"),
        (["ls", "--region", "eu"], "cannot find hosts in the region 'eu'"),
        (["log", "us-1", "--process", "web"], "cannot find the process 'web' on host 'us-1'"),
    ):
        refused = here.ship("host", *words)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert message in refused.stderr
        assert "hint: " in refused.stderr
