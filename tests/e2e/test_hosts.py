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
  keys: KEYS
  layers:
    app: {{keep: [served.py, behaviour, worker]}}
processes:
  web: {{command: "PYTHON served.py", count: 2, ready: /readyz, version: /version, drain: 10s}}
  worker: {{command: "sh worker", drain: 60s}}
regions:
  us: {{bucket: hosts, fleet: {{hosts: {json.dumps(HOSTS)}}}, spread: 1s}}
"""
# It takes as long to end as it is given: a roll waits for it.
WORKER = 'echo "worker for $INBOX_DESK"; trap "" TERM; while :; do sleep 0.2; done\n'
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

    def merge(self, message: str, *, roll: str = "complete") -> str:
        """Merge something, build it as a person does, and wait until every host has come so far with it."""
        commit = self.repository.commit(message, {"note": message})
        self.say("build", "--wait")
        until(lambda: {one["roll"] for one in self.hosts() if self.runs(one, commit)} == {roll}, seconds=120)
        until(lambda: all(self.runs(one, commit) for one in self.hosts()), seconds=120)
        return commit

    @staticmethod
    def runs(host: dict[str, Any], commit: str) -> bool:
        """True where all web groups of a host are this commit's."""
        return {one["commit"] for one in host["groups"] if one["process"] == "web"} == {commit}

    def processes(self) -> set[int]:
        entries = table()
        found = remains(Folder(self.state)) | working_in(self.state, entries)
        return {process.pid for process in found}


@pytest.fixture
def here(tmp_path: Path, agent_program: Path, short_folder: Callable[[], Path]) -> Iterator[Here]:
    files = {**FILES, "served.py": SERVED.read_text()}
    state = short_folder() / "state"
    yield Here(
        make(tmp_path / "repository", "hosted", files, SHIPPING.replace("KEYS", keys(tmp_path))), state, agent_program
    )
    stop(Folder(state))


def keys(folder: Path) -> str:
    """Return the section `keys`, with keys that were made as a person makes them."""
    made = {}
    for purpose in ("main", "pull_request", "clearance"):
        argv = [*SHIP[:-1], "slug", "keygen", f"file:{folder}/{purpose}.pem", "--for", purpose, "--json"]
        made[purpose] = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    public = {purpose: facts["public"] for purpose, facts in made.items()}
    return json.dumps({**{purpose: facts["key"] for purpose, facts in made.items()}, "public": public})


def answers(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/version", timeout=5) as answer:
        return str(answer.read().decode().strip())


def test_a_merge_is_served_by_every_host_and_nothing_is_left(here: Here, tmp_path: Path) -> None:
    """Up, a merge, signed and verified; a daemon killed while its groups serve; down in the middle of a roll."""
    variables = tmp_path / "env"
    variables.write_text("# for a person\n\nINBOX_DESK=desk=1\n")
    up = here.say("up", "--detach", "--agents", "2", "--env-file", str(variables))
    assert "hosts   us: us-1, us-2, us-3" in up
    assert [(one["host"], one["commit"], one["groups"]) for one in here.hosts()] == [(name, None, []) for name in HOSTS]

    first = here.merge("one")

    found = here.hosts()
    assert [answers(one["addresses"]["web"]) for one in found] == [first] * 3
    assert [(one["commit"], one["roll"]) for one in found] == [(first, "complete")] * 3
    assert [sorted((g["process"], g["phase"]) for g in one["groups"]) for one in found] == [
        [("web", "serving"), ("web", "serving"), ("worker", "serving")]
    ] * 3
    shown = here.say("host", "ls").splitlines()
    assert [line.split()[:2] for line in shown] == [[f"us/{name}", first[:12]] for name in HOSTS]
    assert f"rolling to {first[:12]}" in here.say("host", "log", "us-2")
    assert "worker for desk=1" in here.say("host", "log", "us/us-3", "--process", "worker")

    os.kill(found[0]["pid"], signal.SIGKILL)
    until(lambda: here.hosts()[0]["pid"] not in {None, found[0]["pid"]})
    assert answers(found[0]["addresses"]["web"]) == first
    assert here.hosts()[0]["groups"] == found[0]["groups"]
    second = here.merge("two", roll="serving")
    assert [answers(one["addresses"]["web"]) for one in found] == [second] * 3
    assert len(here.processes()) > 3 * 3

    here.say("down")

    assert here.processes() == set()


def test_hosts_begin_anew_with_their_object_store_and_a_killed_world_is_cleaned_up(here: Here) -> None:
    """A store that comes back empty has other lanes; what a killed world left serving ends; addresses stay."""
    here.say("up", "--detach", "--agents", "2")
    first = here.merge("one")
    found = here.hosts()
    (store,) = [json.loads((here.state / "objects.json").read_text())["pid"]]

    os.kill(store, signal.SIGKILL)

    until(lambda: all(one["pid"] and not one["groups"] for one in here.hosts()), seconds=60)
    second = here.merge("two")
    assert [answers(one["addresses"]["web"]) for one in found] == [second] * 3
    assert first != second

    holder = Folder(here.state).holder()
    assert holder is not None
    os.kill(holder.process.pid, signal.SIGKILL)
    assert answers(found[0]["addresses"]["web"]) == second
    assert "cleaned up after a run that was killed" in here.ship("up", "--detach", "--agents", "2").stderr
    assert [(one["addresses"], one["groups"]) for one in here.hosts()] == [(one["addresses"], []) for one in found]
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
