"""A real project nobody here wrote: click 8.5.1 on main in shards, three pull requests by selection, its slug published.

Run with `-s` to see what the jobs said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from shipping.demo.timeline import timeline
from shipping.local.world import Options, PullRequest, started
from tests.bench.projects import click
from tests.e2e.test_shipping import PIPELINE, PLUGINS, logs
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shipping.local.world import World

SHIPPING = """
app: click
bucket: click-us
suites:
  - {name: unit, python: .venv/bin/python, setup: [sh, bin/setup], paths: [tests], target: 3s, hang: 2m, shards: {max: 4},
     select: on}
slug: {layers: {app: {keep: ["src/**"]}}}
regions: {us: {bucket: click-us}, eu: {bucket: click-eu}}
"""
# Its own virtual environment in every checkout, by pip, from its own project file.
SETUP = "set -e\npython3 -m venv .venv\n.venv/bin/pip install -q --disable-pip-version-check pytest coverage -e .\n"


def test_click_is_tested_in_shards_selected_on_pull_requests_and_published(
    agent_program: Path, short_folder: Callable[[], Path]
) -> None:
    """Main runs everything and records; a leaf, a core module and a README run less and less, each with its reason."""
    folder = short_folder()
    repository = vendored(folder / "click")
    options = Options(state=folder / "state", agent=agent_program, agents=4, buckets=("click-us", "click-eu"))
    with started(options, say=print) as world:
        world.create_pipeline("click", repository.root)
        everything = ship(world, repository, "main")
        again = ship(world, repository, "main")  # with durations now
        changes = {
            "leaf": (
                "src/click/shell_completion.py",
                'return f"{item.type},{item.value}"',
                'return ",".join([item.type, str(item.value)])',
            ),
            "core": (
                "src/click/core.py",
                "        if self.callback is not None:\n",
                "        if not self.callback is None:\n",
            ),
            "readme": ("README.md", "\n", "\n\n"),
        }
        ran = {
            name: pull_request(world, repository, number, name, *change)
            for number, (name, change) in enumerate(changes.items(), start=1)
        }
    assert again == everything
    assert ran["readme"] == 0
    assert 0 < ran["leaf"] < ran["core"] <= everything


def vendored(root: Path) -> Repository:
    """Return click as a repository whose team uses us."""
    shutil.copytree(click().root, root, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", "*.egg-info"))
    shutil.copytree(PLUGINS, root / ".buildkite" / "plugins")
    repository = Repository.create(root)
    repository.commit("click 8.5.1 as released")
    # One of click's files is green only after others (it patches a module that they import): in shards it may come first.
    conftest = (root / "tests" / "conftest.py").read_text() + "\nimport click._termui_impl  # noqa\n"
    files = {
        "tests/conftest.py": conftest,
        ".buildkite/pipeline.yml": PIPELINE,
        ".buildkite/shipping.yml": SHIPPING,
        "bin/setup": SETUP,
    }
    repository.commit("ship it", {**files, ".gitignore": ".venv/\n__pycache__/\n*.egg-info/\n"})
    return repository


def pull_request(world: World, repository: Repository, number: int, name: str, path: str, old: str, new: str) -> int:
    """Build a pull request of one edit on main and return how many tests ran."""
    repository.git("checkout", "--quiet", "-b", name, "main")
    text = (repository.root / path).read_text()
    assert old in text
    repository.commit(name, {path: text.replace(old, new, 1)})
    ran = ship(world, repository, name, PullRequest(number=number))
    explained = subprocess.run(
        [sys.executable, "-m", "shipping.cli", "pipeline", "explain", "unit", "--remote"],
        cwd=repository.root,
        env={**os.environ, **world.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    print(explained.stdout)
    return ran


def ship(world: World, repository: Repository, branch: str, pull_request: PullRequest | None = None) -> int:
    """Build the branch, print what its jobs said, and return how many tests ran."""
    commit = repository.git("rev-parse", "HEAD")
    build = world.build("click", branch=branch, commit=commit, message=branch, pull_request=pull_request)
    shown = world.wait(build, timeout=900)
    print(f"\n== {branch}: {shown['state']}")
    print("\n".join(timeline(shown)))
    for key in ("tests-unit", "tests-complete", "slug", "record-unit"):
        for line in logs(world, build, key).splitlines():
            if line.startswith(("--- unit", "unit: ", "  ", "failed", "slug ", "setup ", "the coverage map")):
                print(f"{key}: {line}")
    assert shown["state"] == "passed"
    (proven,) = [line for line in logs(world, build, "tests-complete").splitlines() if line.startswith("unit: proven")]
    return int(proven.split()[2])
