"""`ship init` as a person calls it, then `ship pipeline preview`: no network, no agent."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {"pytest.ini": "[pytest]\n", "tests/test_a.py": "def test(): pass\n"}


def ship(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "shipping.cli", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("BUILDKITE")}
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120)


def test_init_then_preview_from_a_folder_of_the_repository(tmp_path: Path) -> None:
    """The last line says what to type next, and that works."""
    repository = Repository.create(tmp_path / "inbox")
    repository.commit("as it was", {**PLAIN, ".gitignore": "plugins/\n"})

    first = ship(repository.root / "tests", "init")
    again = ship(repository.root, "init")
    shown = ship(repository.root, "pipeline", "preview")

    assert (first.returncode, again.returncode, shown.returncode) == (0, 0, 0), first.stderr + shown.stderr
    assert "inbox: suite unit, 1 test files (pytest: pytest.ini)" in first.stdout
    assert "note: git ignores .buildkite/plugins/ (18 files), which must be committed" in first.stdout
    assert first.stdout.splitlines()[-1].startswith("next: ship pipeline preview;")
    assert "wrote nothing: all of it is there" in again.stdout
    assert os.access(repository.root / ".buildkite" / "ship", os.X_OK)
    assert "suite unit: 1 files" in shown.stdout


def test_what_is_there_and_differs_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "inbox")
    repository.commit("as it was", {**PLAIN, ".buildkite/pipeline.yml": "steps: []\n"})

    done = ship(repository.root, "init")

    assert done.returncode == 1
    assert "nothing was changed:\n  .buildkite/pipeline.yml\n" in done.stderr
    assert [path.name for path in (repository.root / ".buildkite").iterdir()] == ["pipeline.yml"]


def test_a_dry_run_prints_the_files_and_writes_none(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "inbox")
    repository.commit("as it was", PLAIN)

    done = ship(repository.root, "init", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "# .buildkite/shipping.yml\n" in done.stdout
    assert "app: inbox" in done.stdout
    assert not (repository.root / ".buildkite").exists()


def test_what_cannot_be_done_is_said_with_the_way_out(tmp_path: Path) -> None:
    """No repository, no commit, an address without a version, two places for plugins."""
    nowhere = ship(tmp_path, "init")
    repository = Repository.create(tmp_path / "inbox")
    empty = ship(repository.root, "init")
    repository.commit("as it was", PLAIN)
    address = ship(repository.root, "init", "--plugins-from", "https://git.example/ship.git")
    both = ship(repository.root, "init", "--vendor", "--plugins-from", "https://git.example/ship.git#v1")

    assert {done.returncode for done in (nowhere, empty, address, both)} == {2}
    assert "cannot find a git repository" in nowhere.stderr
    assert "cannot look at a repository without a commit" in empty.stderr
    assert "is no URL#VERSION" in address.stderr
    assert "from two places" in both.stderr
