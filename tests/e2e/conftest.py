"""Real agents. There is no skipping here: where no agent can be found, it is built; where that fails, the tests fail."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shipping.local.agent import find
from shipping.local.world import Options, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shipping.local.world import World

ROOT = Path(__file__).parents[2]
GIT = ["git", "-c", "user.name=Someone", "-c", "user.email=someone@localhost"]


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_reaches_children() -> None:
    """A shell that starts us in the background has SIGINT ignored, and so would everything that we send one to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def agent_program() -> Path:
    """The agent that `ship local agent --which` finds or builds."""
    return find(os.environ, say=lambda line: print(line, file=sys.stderr)).path


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Callable[[], Path]]:
    """Makes folders with short paths: a state folder's sockets have to fit into a hundred bytes."""
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="ship-e2e-")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def world(agent_program: Path, short_folder: Callable[[], Path]) -> Iterator[World]:
    """One world for all tests that leave it as they found it."""
    options = Options(
        state=short_folder() / "state", agent=agent_program, agents=4, buckets=("e2e", "e2e-eu"), lost_after=8.0
    )
    with started(options, say=lambda line: print(line, file=sys.stderr)) as world:
        yield world


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Makes a git repository of one commit on main from paths and texts."""

    def make(files: Mapping[str, str]) -> Path:
        root = tmp_path / "repository"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        for arguments in (
            ["init", "--quiet", "--initial-branch=main"],
            ["add", "."],
            ["commit", "--quiet", "-m", "First"],
        ):
            subprocess.run([*GIT, *arguments], cwd=root, check=True)
        return root

    return make


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own wheel and its dependencies, as a team fills its wheel house."""
    folder = tmp_path_factory.mktemp("wheels")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], check=True)
    (ours,) = folder.iterdir()
    subprocess.run([*pip, "download", "--quiet", "--only-binary", ":all:", "--dest", folder, ours], check=True)
    return folder
