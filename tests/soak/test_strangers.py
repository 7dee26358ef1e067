"""Projects nobody here wrote, from their published archives to a green build: `ship init`, few lines by hand, stock agents.

Run with `-s` to see the row that each adds to docs/adopting.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from shipping.demo.timeline import timeline
from shipping.local.world import Options, started
from tests.e2e.test_shipping import logs
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUCKET = "strangers-us"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A line that a person changes after `ship init`, and why."""

    file: str
    old: str
    new: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Project:
    """A published archive, and what had to be done by hand. ``suite`` is what `ship init` calls its tests."""

    name: str
    version: str
    index: str
    app: str
    suite: str
    edits: tuple[Edit, ...] = ()


# The shared memory of rung 2; the others are built without.
WITH_BUCKET = Edit(file=".buildkite/shipping.yml", old="# bucket: acme-ship", new=f"bucket: {BUCKET}", why="a bucket")
PROJECTS = (
    Project(name="itsdangerous", version="2.2.0", index="PyPI", app="itsdangerous", suite="unit"),
    Project(name="Jinja2", version="3.1.6", index="PyPI", app="jinja2", suite="unit", edits=(WITH_BUCKET,)),
    Project(name="minimist", version="1.2.8", index="npm", app="minimist", suite="js"),
)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_a_strangers_project_is_green_after_init_and_few_edits(
    project: Project, agent_program: Path, short_folder: Callable[[], Path]
) -> None:
    """Archive, repository, `ship init`, the edits of the table, preview, build: green and proven."""
    folder = short_folder()
    repository = published(project, folder)
    begun = time.monotonic()
    ship(repository, "init")
    for edit in project.edits:
        change(repository, edit)
    repository.git("add", "--all", "--force", ".buildkite")
    repository.commit("ship it")
    ship(repository, "pipeline", "preview")
    ready = time.monotonic() - begun
    buckets = (BUCKET,) if WITH_BUCKET in project.edits else ()
    options = Options(state=folder / "state", agent=agent_program, agents=2, buckets=buckets)
    with started(options, say=print) as world:
        world.create_pipeline(project.app, repository.root)
        build = world.build(project.app)
        shown = world.wait(build, timeout=1200)
        said = {key: logs(world, build, key) for key in ("plan", f"tests-{project.suite}", "tests-complete")}
    lines = timeline(shown)
    print("\n".join(lines))
    assert shown["state"] == "passed", "\n".join(said.values())
    (proven,) = [line for line in said["tests-complete"].splitlines() if f"{project.suite}: proven: " in line]
    tests, built = proven.partition("proven: ")[2], lines[-1].split()[-2]
    row = (f"{project.name} {project.version} ({project.index})", "yes" if buckets else "none", len(project.edits))
    print(f"| {' | '.join(map(str, row))} | {ready:.0f} s | {tests}, {built} s |")


def published(project: Project, folder: Path) -> Repository:
    """Return the project as published, as the first commit of a repository."""
    if project.index == "npm":
        argv = ["npm", "pack", "--silent", f"{project.name}@{project.version}"]
    else:
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        argv.append(f"{project.name}=={project.version}")
    archives = folder / "archives"
    archives.mkdir()
    subprocess.run(argv, cwd=archives, check=True, capture_output=True, timeout=600)
    (archive,) = archives.glob("*gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder / "unpacked", filter="data")
    (root,) = (folder / "unpacked").iterdir()
    shutil.move(root, folder / project.name)
    repository = Repository.create(folder / project.name)
    repository.commit("as published")
    return repository


def change(repository: Repository, edit: Edit) -> None:
    file = repository.root / edit.file
    assert file.read_text().count(edit.old) == 1, f"{edit.old!r} is not once in {edit.file}"
    file.write_text(file.read_text().replace(edit.old, edit.new))


def ship(repository: Repository, *arguments: str) -> None:
    """Run a command as a person would; no network, no agent."""
    argv = [sys.executable, "-m", "shipping.cli", *arguments]
    done = subprocess.run(
        argv, cwd=repository.root, env=os.environ, capture_output=True, text=True, check=False, timeout=60
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
