"""The README's section "On your Buildkite": every line of it, typed on a machine that has none of ours.

The organization is a local Buildkite (the same REST API, the same agent API), the agent is the real one, the package index is
a folder of wheels. What a test must put in: the token that is pasted, and the push's webhook.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shipping.buildkite.organization import ENDPOINT
from shipping.local.control import ControlInfo, running
from tests.e2e.test_shipping import APP, until
from tests.integration.local.clients import Rest
from tests.repository import IDENTITY, Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

README = Path(__file__).parents[2] / "README.md"
AGENT = "buildkite-agent start"
DONE = ("passed", "failed", "canceled", "not_run")


def blocks() -> list[str]:
    """Return the section's commands, block by block, for the organization that is there."""
    (section,) = re.findall(r"^## On your Buildkite\n(.*?)^## ", README.read_text(), re.DOTALL | re.MULTILINE)
    return [block.replace("acme", "local") for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Somebody who types what the README says, in a repository of their own."""

    repository: Repository
    env: Mapping[str, str]
    token: str

    def type(self, block: str) -> str:
        """Run a block in a shell that stops at the first line that fails; the token is pasted when a line asks."""
        keep = self.repository.root.parent / "environment"
        script = f"set -euo pipefail\n[ -e {keep} ] && . {keep}\n{block}\nexport -p > {keep}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.repository.root,
            env=self.env,
            input=f"{self.token}\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert self.token not in done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def control(short_folder: Callable[[], Path]) -> Iterator[ControlInfo]:
    with running(short_folder() / "state") as info:
        yield info


@pytest.fixture
def env(control: ControlInfo, wheels: Path, agent_program: Path, tmp_path: Path) -> dict[str, str]:
    """A machine with git, Python and the agent; not with ship, nor with pytest."""
    bare = [entry for entry in os.environ["PATH"].split(os.pathsep) if not Path(entry, "ship").exists()]
    home = tmp_path / "home"
    home.mkdir()
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("BUILDKITE", "VIRTUAL_ENV"))},
        **IDENTITY,
        "HOME": str(home),
        "PATH": os.pathsep.join([str(agent_program.parent), *bare]),
        "SHIP_PYTHON": sys.executable,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        ENDPOINT: f"{control.url}/v2/",
    }


@pytest.fixture
def reader(env: dict[str, str], control: ControlInfo, tmp_path: Path) -> Reader:
    """With an environment of Python's own to install into, and a remote to push to."""
    venv.create(tmp_path / "python", with_pip=True)
    origin = tmp_path / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(origin)], check=True)
    repository = Repository.create(tmp_path / "inbox")
    # Of the sample's two requirement files, the lock names a package that no index has.
    files = {name: text for name, text in APP.items() if name != "requirements.lock"}
    repository.commit("one", {**files, "requirements-dev.txt": "pytest\n"})
    repository.git("remote", "add", "origin", str(origin))
    path = f"{tmp_path / 'python' / 'bin'}{os.pathsep}{env['PATH']}"
    scopes = ("read_pipelines", "write_pipelines", "read_agents", "read_builds", "read_artifacts")
    return Reader(repository=repository, env=env | {"PATH": path}, token=Rest(control).token(*scopes))


@contextlib.contextmanager
def agent(line: str, env: Mapping[str, str], control: ControlInfo, folder: Path) -> Iterator[None]:
    """Run the README's line on a machine whose agent is set up as packages set it up: token and folders in a file."""
    folder.mkdir()
    hosted = {
        "BUILDKITE_AGENT_ENDPOINT": f"{control.url}/v3",
        "BUILDKITE_AGENT_TOKEN": control.agent_token,
        "BUILDKITE_BUILD_PATH": str(folder / "builds"),
        "BUILDKITE_PLUGINS_PATH": str(folder / "plugins"),
        "BUILDKITE_HOOKS_PATH": str(folder / "hooks"),
        "BUILDKITE_SOCKETS_PATH": str(folder / "sockets"),
        "BUILDKITE_AGENT_SPAWN": "2",
    }
    with (folder / "log").open("wb") as log:
        # exec: the signal below is for the agent, not for a shell around it.
        started = subprocess.Popen(["bash", "-c", f"exec {line}"], env={**env, **hosted}, stdout=log, stderr=log)
        try:
            yield
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(timeout=60)


def webhook(rest: Rest, repository: Repository) -> dict[str, Any]:
    """Build what was pushed, as Buildkite does when it hears of it; return the build at its end."""
    commit = repository.git("rev-parse", "origin/main")
    number = rest.build(commit=commit, message="")["number"]
    until(lambda: rest.read(number)["state"] in DONE, seconds=240)
    return rest.read(number)


def logs(rest: Rest, shown: Mapping[str, Any]) -> str:
    of = f"/pipelines/inbox/builds/{shown['number']}/jobs"
    found = (rest.call("GET", f"{of}/{job['id']}/log") for job in shown["jobs"] if job["type"] == "script")
    return "\n".join(str(answer.json["content"]) for answer in found)


def test_from_nothing_to_a_green_build(
    reader: Reader, env: Mapping[str, str], control: ControlInfo, short_folder: Callable[[], Path]
) -> None:
    """Every line exits 0, the build is green and proven, and a second sync has nothing to do."""
    told, rest = blocks(), Rest(control)
    (start,) = [block.strip() for block in told if block.startswith(AGENT)]
    before, after = told[: told.index(f"{start}\n")], told[told.index(f"{start}\n") + 1 :]
    assert len(before) == 3
    assert [block.split()[:2] for block in after] == [["ship", "doctor"], ["ship", "suites"]]

    for block in before:
        reader.type(block)
    assert "as it must be" in reader.type("ship buildkite sync")
    with agent(start, env, control, short_folder() / "agent"):
        until(lambda: len(rest.call("GET", "/agents").json) == 2, seconds=60)
        assert "wrong" not in reader.type(after[0])
        shown = webhook(rest, reader.repository)
        assert shown["state"] == "passed", logs(rest, shown)
        assert "proven: 2 tests" in logs(rest, shown)
        reader.type(after[1])
    assert ".test_durations" in reader.repository.git("show", "--stat", "HEAD")
