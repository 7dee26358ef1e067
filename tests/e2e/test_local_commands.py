"""`ship local` with the real agent: uncommitted work, several apps, questions; one world for all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.world import World

SHIP = [sys.executable, "-m", "shipping.cli", "local"]
PRINTS = 'steps: [{key: look, command: "cat note.txt more/*.txt; git log -2 --format=%s; git status --short"}]\n'


def ship(world: World, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    where = ["--repo", str(root), "--state", str(world.folder.root)]
    return subprocess.run([*SHIP, *words, *where], capture_output=True, text=True, check=False, timeout=120, cwd="/")


def built(world: World, root: Path, *words: str) -> dict[str, Any]:
    """Build to the end, which must be a green one; return it as REST shows it."""
    done = ship(world, root, "build", "--wait", "--json", *words)
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def said(world: World, root: Path, build: dict[str, Any], key: str = "look") -> list[str]:
    done = ship(world, root, "log", f"{build['pipeline']['slug']}/{build['number']}", "--job", key)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return lines[lines.index("~~~ Running commands") + 2 :]


def test_uncommitted_work_is_built_by_real_agents(world: World, tmp_path: Path) -> None:
    """Twice, with a build of what is committed between; the repository does not notice any of it."""
    repository = Repository.create(tmp_path / "work")
    repository.commit("First", {".buildkite/pipeline.yml": PRINTS, "note.txt": "committed\n", "more/a.txt": "a\n"})
    repository.write({"note.txt": "not committed\n", "more/b.txt": "untracked\n"})
    before = unchanged(repository)

    first = built(world, repository.root, "--worktree")
    assert said(world, repository.root, first) == [
        "not committed",
        "a",
        "untracked",
        "Uncommitted work on: First",
        "First",
    ]
    assert said(world, repository.root, built(world, repository.root)) == ["committed", "a", "First"]
    repository.write({"more/b.txt": "newer\n"})
    second = built(world, repository.root, "--worktree", "--branch", "topic/x")
    assert "newer" in said(world, repository.root, second)
    # A retry fetches a commit that no branch shows any more.
    assert ship(world, repository.root, "retry", "work/1", "--job", "look").returncode == 0
    assert ship(world, repository.root, "watch", "work/1").returncode == 0
    log = ship(world, repository.root, "log", "work/1", "--job", "look").stdout
    assert log.count("\nuntracked\n") == 2
    repository.write({"more/b.txt": "untracked\n"})
    assert unchanged(repository) == before
    assert built(world, repository.root, "--worktree")["commit"] == first["commit"]


def unchanged(repository: Repository) -> tuple[bytes, str, str, str]:
    index = (repository.root / ".git" / "index").read_bytes()
    status = repository.git("--no-optional-locks", "status", "--porcelain=v2", "--branch")
    return index, status, repository.git("for-each-ref"), repository.git("count-objects", "-v")


def test_a_large_history_is_not_copied(world: World, tmp_path: Path) -> None:
    """A linked worktree of a packed repository: agents get a commit, the state folder a handful of objects."""
    repository = Repository.create(tmp_path / "large")
    for number in range(20):
        repository.commit(f"Commit {number}", {f"data/{number}": os.urandom(50_000).hex()})
    repository.commit("Last", {".buildkite/pipeline.yml": PRINTS, "note.txt": "x\n", "more/a.txt": "a\n"})
    repository.git("gc", "--quiet")
    repository.git("worktree", "add", "--quiet", "-b", "linked", str(tmp_path / "linked"))
    (tmp_path / "linked" / "note.txt").write_text("linked\n")

    build = built(world, tmp_path / "linked", "--worktree")

    assert (build["branch"], said(world, tmp_path / "linked", build)[0]) == ("linked", "linked")
    shadows = list((world.folder.root / "worktrees").glob("linked-*.git"))
    size = sum(path.stat().st_size for path in shadows[0].rglob("*") if path.is_file())
    assert (len(shadows), size < 200_000) == (1, True)


def test_each_app_has_its_pipeline(world: World, tmp_path: Path) -> None:
    """Several apps in one repository, each with a pipeline file of its own."""
    configuration = "app: {}\nsuites: [{{name: unit, paths: [tests], target: 3m}}]\n"
    repository = Repository.create(tmp_path / "apps")
    for app in ("api", "web"):
        repository.write(
            {
                f".buildkite/shipping.{app}.yml": configuration.format(app),
                f".buildkite/pipeline.{app}.yml": f"steps: [{{key: look, command: echo this is {app}}}]\n",
            }
        )
    repository.commit("First")

    for app in ("api", "web"):
        build = built(world, repository.root, "--pipeline", app)
        assert (build["pipeline"]["slug"], said(world, repository.root, build)) == (app, [f"this is {app}"])


def test_a_question_in_a_real_build(world: World, tmp_path: Path) -> None:
    """It waits, says how to go on, is answered from the command line, and the answer reaches the jobs after it."""
    text = """
steps:
  - {key: before, command: "true"}
  - {block: "Release?", key: release, fields: [{text: Reason, key: reason}]}
  - {key: after, command: "buildkite-agent meta-data get reason"}
"""
    repository = Repository.create(tmp_path / "asking")
    repository.commit("First", {".buildkite/pipeline.yml": text})

    waits = ship(world, repository.root, "build", "--wait")
    unblocked = ship(world, repository.root, "unblock", "--field", "reason=because of it")
    ends = ship(world, repository.root, "watch")

    assert waits.returncode == 1
    assert "hint: ship local unblock asking/1 --job release" in waits.stderr
    assert (unblocked.returncode, ends.returncode) == (0, 0), (unblocked.stderr, ends.stderr)
    log = ship(world, repository.root, "log", "asking/1", "--job", "after").stdout
    assert "because of it" in log.splitlines()


def test_a_world_without_hosts_says_how_one_gets_some(world: World, tmp_path: Path) -> None:
    """No region of the repository names any."""
    repository = Repository.create(tmp_path / "hostless")

    listed = ship(world, repository.root, "host", "ls")
    asked = ship(world, repository.root, "host", "log", "us-1")

    assert (listed.returncode, listed.stdout) == (0, "")
    assert "no hosts: no region of the configuration has a `fleet` that names some" in listed.stderr
    assert asked.returncode == 2
    assert "cannot find the host 'us-1'" in asked.stderr
    assert "hint: name some in .buildkite/shipping.yml, `fleet: {hosts: [...]}` of a region" in asked.stderr
