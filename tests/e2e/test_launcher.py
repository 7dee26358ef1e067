"""The committed launcher brings our own wheel, and all it needs, from a wheel house; then a build runs by nothing else."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.version import version
from shipping.launcher import LAUNCHER, LOCK, MODE, launcher, lock_of
from shipping.local.world import Options, started
from tests.e2e.test_no_bucket import SHIPPING
from tests.e2e.test_shipping import APP, build, logs, make, states, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shipping.local.world import World

PIPELINE = "steps:\n  - {label: plan, key: plan, command: .buildkite/ship pipeline upload, timeout_in_minutes: 5}\n"


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A machine with the launcher, a wheel house and a cache, and no `ship`."""

    checkout: Path
    cache: Path
    wheels: Path

    @property
    def env(self) -> dict[str, str]:
        path = os.pathsep.join(
            entry for entry in os.environ["PATH"].split(os.pathsep) if not Path(entry, "ship").exists()
        )
        named = {"SHIP_CACHE": str(self.cache), "SHIP_WHEELS": str(self.wheels), "SHIP_PYTHON": sys.executable}
        return {**os.environ, **named, "PATH": path}

    def start(self, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.checkout / LAUNCHER), "--version"],
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **env: str) -> subprocess.CompletedProcess[str]:
        with self.start(**env) as running:
            out, err = running.communicate(timeout=300)
        return subprocess.CompletedProcess([], running.returncode, out, err)

    def installations(self) -> list[Path]:
        return [path for path in self.cache.iterdir() if path.is_dir() and not path.is_symlink()]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Agent:
    """One whose cache fills when it is first used."""
    root = tmp_path_factory.mktemp("agent")
    write_launcher(root / "checkout", wheels)
    return Agent(checkout=root / "checkout", cache=root / "cache", wheels=wheels)


def write_launcher(checkout: Path, wheels: Path) -> None:
    (checkout / LAUNCHER).parent.mkdir(parents=True, exist_ok=True)
    (checkout / LAUNCHER).write_text(launcher())
    (checkout / LAUNCHER).chmod(MODE)
    (checkout / LOCK).write_text(lock_of(wheels))


def test_eight_jobs_at_once_on_an_empty_cache_are_one_installation(agent: Agent) -> None:
    """One installs, the others wait for it; whoever comes later finds it there."""
    running = [agent.start() for _ in range(8)]
    ended = [(one.communicate(timeout=300), one.returncode) for one in running]
    later = agent.run()

    assert {(out, code) for (out, _), code in ended} == {(f"ship, version {version()}\n", 0)}
    said = [err for (_, err), _ in ended]
    assert sum("installed in" in line for line in said) == 1
    assert all(line.count("\n") == 1 for line in said)
    assert len(agent.installations()) == 1
    assert re.fullmatch(rf"ship: {version()} from \S+\n", later.stderr)


def test_an_installation_that_is_killed_leaves_nothing_in_the_way(agent: Agent, tmp_path: Path) -> None:
    """Killed with all it started while packages are being unpacked: the next job starts anew, from an index, and clears up."""
    alone = replace(agent, cache=tmp_path / "cache")
    with alone.start() as running:
        until(lambda: any(tmp_path.glob("cache/*.new.*/lib/*/site-packages/boto*")), seconds=120)
        for child in reversed(descendants(running.pid)):
            os.kill(child, signal.SIGKILL)
        running.kill()

    (left,) = alone.installations()
    with index(agent.wheels, tmp_path / "index") as url:
        again = alone.run(SHIP_WHEELS="", SHIP_INDEX_URL=url, PIP_FIND_LINKS="")

    assert (again.returncode, "installed in" in again.stderr) == (0, True)
    assert alone.installations() != [left]
    assert len(alone.installations()) == 1


@pytest.mark.parametrize(
    ("spoilt", "code", "said"),
    [
        ("hash", 2, "not the package that ship.lock names: click=="),
        ("wheel", 2, "No matching distribution found for click=="),
        ("index", 3, "Connection refused"),
    ],
)
def test_what_cannot_be_installed_is_told_in_one_message(
    agent: Agent, tmp_path: Path, spoilt: str, code: int, said: str
) -> None:
    """Exit status 3 where a retry may help; nothing is left to be taken for an installation."""
    alone = replace(agent, checkout=tmp_path / "checkout", cache=tmp_path / "cache", wheels=tmp_path / "wheels")
    shutil.copytree(agent.wheels, alone.wheels)
    write_launcher(alone.checkout, alone.wheels)
    lock = alone.checkout / LOCK
    click = next(line for line in lock.read_text().split("\n\n")[0].splitlines() if line.startswith("click=="))
    only = lock.read_text().partition(click)[2].splitlines()[1]
    lock.write_text(f"{click}\n{only}\n" if spoilt != "hash" else f"{click}\n    --hash=sha256:{'0' * 64}\n")
    env = {}
    if spoilt == "wheel":
        next(alone.wheels.glob("click-*")).unlink()
    if spoilt == "index":
        env = {"SHIP_WHEELS": "", "SHIP_INDEX_URL": "http://u:secret@127.0.0.1:9/simple", "PIP_FIND_LINKS": ""}

    done = alone.run(**env)

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert "secret" not in done.stderr
    assert alone.installations() == []


@pytest.fixture
def stock(agent: Agent, agent_program: Path, short_folder: Callable[[], Path]) -> Iterator[World]:
    """A world whose agents have no `ship`: what they have is git, bash and a Python."""
    options = Options(state=short_folder() / "state", agent=agent_program, agents=3)
    with started(options, say=lambda line: print(line, file=sys.stderr), env=agent.env) as world:
        (world.folder.programs / "ship").unlink()
        yield world


def test_a_build_on_stock_agents_runs_by_the_launcher_alone(stock: World, agent: Agent, tmp_path: Path) -> None:
    """The generator's step calls it, and so do the hooks of the plugins; no bucket either."""
    repository = make(tmp_path / "repository", "stock", APP, SHIPPING, PIPELINE)
    write_launcher(repository.root, agent.wheels)
    repository.commit("launcher")
    first, shown = build(stock, "stock", repository)

    assert shown["state"] == "passed", logs(stock, first, "plan")
    assert states(shown) == {"plan": ["passed"], "tests-unit": ["passed", "passed"], "tests-complete": ["passed"]}
    for key in states(shown):
        assert f"ship: {version()} " in logs(stock, first, key)
    assert len(agent.installations()) == 1


@contextmanager
def index(wheels: Path, folder: Path) -> Iterator[str]:
    """Serve the wheels as a package index on loopback: a folder per project."""
    for wheel in wheels.iterdir():
        project = folder / "simple" / wheel.name.split("-")[0].lower().replace("_", "-").replace(".", "-")
        project.mkdir(parents=True, exist_ok=True)
        (project / wheel.name).symlink_to(wheel)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/simple"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found
