"""Uncommitted work as a commit: agents can fetch it, and nothing of the repository has changed. Real git."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError, UsageError
from pipeline_gen.shell import LocalShell
from shipping.local.world.repository import uncommitted
from shipping.local.world.worktree import Worktree
from tests.repository import IDENTITY, Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from shipping.local.world.worktree import Snapshot


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository.create(tmp_path / 'my "own": app')
    repository.commit(
        "First", {"kept": "kept", "changed": "old", "deleted": "gone", "sub/file": "deep", ".gitignore": "ignored\n"}
    )
    repository.write({"changed": "new", "untracked": "new too", "sub/staged": "in the index", "ignored": "no"})
    repository.git("add", "sub/staged")
    (repository.root / "deleted").unlink()
    (repository.root / "kept").chmod(0o755)
    (repository.root / "link").symlink_to("kept")
    return repository


EXPECTED = {
    ".gitignore": "ignored\n",
    "changed": "new",
    "kept": "kept",
    "link": "kept",
    "sub/file": "deep",
    "sub/staged": "in the index",
    "untracked": "new too",
}


def worktree(root: Path, state: Path, env: Mapping[str, str] | None = None) -> Worktree:
    return Worktree(shell=LocalShell(), root=root, folder=state / "worktrees", env={**os.environ, **(env or {})})


def as_it_is(repository: Repository) -> dict[str, str]:
    """Everything that must stay: what git says of it, and each byte below .git."""
    own = repository.root / repository.git("rev-parse", "--git-common-dir")
    files = {
        str(path.relative_to(own)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in own.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    said = {
        words: repository.git("-c", "core.fsmonitor=false", *words.split())
        for words in (
            "--no-optional-locks status --porcelain=v2 --branch",
            "for-each-ref",
            "stash list",
            "worktree list",
        )
    }
    return files | said


def fetched(snapshot: Snapshot, place: Path) -> dict[str, str]:
    """What an agent finds: cloned, fetched by id, checked out."""
    env = {**os.environ, **IDENTITY}
    for argv in (
        ["git", "clone", "--quiet", "--", str(snapshot.repository), str(place)],
        ["git", "-C", str(place), "fetch", "--quiet", "--prune", "--", "origin", snapshot.commit],
        ["git", "-C", str(place), "checkout", "--quiet", "--force", snapshot.commit],
        ["git", "-C", str(place), "fsck", "--no-progress", "--connectivity-only"],
    ):
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    files = [path for path in place.rglob("*") if path.is_file() and ".git" not in path.relative_to(place).parts]
    return {str(path.relative_to(place)): path.read_text() for path in files}


def test_agents_find_what_stands_in_the_folder(repository: Repository, tmp_path: Path) -> None:
    """Changed, added, deleted, made executable, untracked: all of it; what is ignored stays away."""
    snapshot = worktree(repository.root, tmp_path / "state").snapshot("main")

    assert fetched(snapshot, tmp_path / "agent") == EXPECTED
    assert os.access(tmp_path / "agent" / "kept", os.X_OK)
    assert set(snapshot.changed) == {"changed", "deleted", "kept", "link", "sub/staged", "untracked"}
    assert (
        repository.git("rev-parse", "HEAD")
        == subprocess.run(
            ["git", "-C", str(tmp_path / "agent"), "rev-parse", "HEAD^"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )


def split_index(repository: Repository) -> None:
    repository.git("config", "core.splitIndex", "true")
    repository.git("update-index", "--split-index")


def hooks(repository: Repository) -> None:
    for name in ("post-index-change", "pre-commit", "post-commit", "reference-transaction", "fsmonitor"):
        hook = repository.root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch .git/{name}-ran\n")
        hook.chmod(0o755)
    repository.git("config", "core.fsmonitor", ".git/hooks/fsmonitor")


def signing(repository: Repository) -> None:
    repository.git("config", "commit.gpgSign", "true")
    repository.git("config", "user.useConfigOnly", "true")


def sparse(repository: Repository) -> None:
    repository.git("sparse-checkout", "init", "--no-cone")
    repository.git("sparse-checkout", "set", "--no-cone", "/*", "!/sub/file")


def untracked_cache(repository: Repository) -> None:
    repository.git("update-index", "--force-untracked-cache")


def packed(repository: Repository) -> None:
    repository.git("gc", "--quiet")
    repository.git("branch", "a")
    repository.git("tag", "-a", "v1", "-m", "One")


def plain(repository: Repository) -> None:
    """As it was made."""


@pytest.mark.parametrize("how", [plain, split_index, hooks, signing, sparse, untracked_cache, packed])
def test_nothing_of_the_repository_changes(
    repository: Repository, tmp_path: Path, how: Callable[[Repository], None]
) -> None:
    """Not the index, no ref, no object, no file: whatever its owner has set up, and however often."""
    how(repository)
    before = as_it_is(repository)
    # Stat data that has grown old is what git would refresh the index for.
    os.utime(repository.root / "sub" / "file", (1, 1), follow_symlinks=False) if how is not sparse else None

    for _ in range(2):
        snapshot = worktree(repository.root, tmp_path / "state").snapshot("main")

    assert as_it_is(repository) == before
    assert fetched(snapshot, tmp_path / "agent") == EXPECTED


def test_the_same_work_is_the_same_commit(repository: Repository, tmp_path: Path) -> None:
    """From another state folder, by another person, on another branch; another change is another commit."""
    one = worktree(repository.root, tmp_path / "one").snapshot("main")
    other = worktree(repository.root, tmp_path / "two", {"GIT_AUTHOR_NAME": "Grace", "TZ": "Asia/Tokyo"})

    assert other.snapshot("topic").commit == one.commit
    (repository.root / "untracked").write_text("newer")
    assert other.snapshot("topic").commit != one.commit


def test_a_clean_tree_is_its_own_commit(repository: Repository, tmp_path: Path) -> None:
    """There is nothing to add to it."""
    head = repository.commit("All of it")

    snapshot = worktree(repository.root, tmp_path / "state").snapshot("main")

    assert (snapshot.commit, snapshot.changed) == (head, ())


def test_an_earlier_snapshot_can_still_be_fetched(repository: Repository, tmp_path: Path) -> None:
    """A retry asks for it long after the branch has moved on; branches come and go as in the repository."""
    repository.git("branch", "topic/one")
    first = worktree(repository.root, tmp_path / "state").snapshot("main")
    repository.git("branch", "-D", "topic/one")
    repository.git("branch", "topic")
    (repository.root / "changed").write_text("newest")
    second = worktree(repository.root, tmp_path / "state").snapshot("work")

    assert fetched(first, tmp_path / "first")["changed"] == "new"
    assert fetched(second, tmp_path / "second")["changed"] == "newest"
    shown = Repository(second.repository).git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    assert sorted(shown) == ["main", "topic", "work"]


def test_objects_are_borrowed_not_copied(repository: Repository, tmp_path: Path) -> None:
    """However large the repository is, the shadow holds what is new: three files, their two trees, one commit."""
    snapshot = worktree(repository.root, tmp_path / "state").snapshot("main")

    loose = [path for path in (snapshot.repository / "objects").glob("??/*") if path.is_file()]
    assert len(loose) <= 7
    assert list((snapshot.repository / "objects" / "pack").iterdir()) == []


def test_a_linked_worktree(repository: Repository, tmp_path: Path) -> None:
    """Its own index and files, the common objects."""
    repository.git("stash", "--quiet", "--include-untracked")
    repository.git("worktree", "add", "--quiet", "-b", "linked", str(tmp_path / "linked"))
    linked = Repository(tmp_path / "linked")
    linked.write({"changed": "there"})
    before = as_it_is(linked)

    snapshot = worktree(linked.root, tmp_path / "state").snapshot("linked")

    assert fetched(snapshot, tmp_path / "agent")["changed"] == "there"
    assert as_it_is(linked) == before


def test_called_from_a_hook_of_git(repository: Repository, tmp_path: Path) -> None:
    """Git gives its hooks variables that would send every git command to another index."""
    env = {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index", "GIT_WORK_TREE": "/", "GIT_PREFIX": "sub/"}

    snapshot = worktree(repository.root, tmp_path / "state", env).snapshot("main")

    assert fetched(snapshot, tmp_path / "agent") == EXPECTED


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    """One tries a pipeline before anything is committed."""
    fresh = Repository.create(tmp_path / "fresh")
    fresh.write({"file": "text"})

    what = uncommitted(worktree(fresh.root, tmp_path / "state"), branch=None, message=None)

    assert (what.branch, what.message, what.root) == ("main", "Uncommitted work", fresh.root)
    assert fetched(worktree(fresh.root, tmp_path / "state").snapshot("main"), tmp_path / "agent") == {"file": "text"}


def test_a_shallow_clone(repository: Repository, tmp_path: Path) -> None:
    """As CI makes them: history ends where it ends."""
    repository.commit("Second")
    source = f"file://{repository.root}"
    Repository(tmp_path).git("clone", "--quiet", "--depth=1", source, str(tmp_path / "shallow"))
    shallow = Repository(tmp_path / "shallow")
    shallow.write({"changed": "shallow"})

    snapshot = worktree(shallow.root, tmp_path / "state").snapshot("main")

    assert fetched(snapshot, tmp_path / "agent")["changed"] == "shallow"


def test_a_state_folder_within_the_repository_is_not_work(repository: Repository, tmp_path: Path) -> None:
    """`--state .ship` holds tokens and logs."""
    state = repository.root / "state [1]"
    (state / "worktrees").mkdir(parents=True)
    (state / "worktrees" / "token").write_text("secret")

    snapshot = worktree(repository.root, state).snapshot("main")

    assert fetched(snapshot, tmp_path / "agent") == EXPECTED


def test_what_a_killed_run_left_is_in_nobodys_way(repository: Repository, tmp_path: Path) -> None:
    """Locks of git's, half a shadow: the next run mends them."""
    first = worktree(repository.root, tmp_path / "state").snapshot("main")
    for name in ("ship-index.lock", "packed-refs.lock", "refs/heads/main.lock", "HEAD.lock"):
        (first.repository / name).write_text("")
    (repository.root / "changed").write_text("later")

    second = worktree(repository.root, tmp_path / "state").snapshot("main")

    assert fetched(second, tmp_path / "agent")["changed"] == "later"
    (first.repository / "HEAD").unlink()
    assert worktree(repository.root, tmp_path / "state").snapshot("main") == second


def test_two_at_once(repository: Repository, tmp_path: Path) -> None:
    """They take turns, and both are right."""
    found: list[Snapshot] = []
    branches = ["one", "two", "three", "four"]

    def work(branch: str) -> None:
        found.append(worktree(repository.root, tmp_path / "state").snapshot(branch))

    threads = [threading.Thread(target=work, args=[branch]) for branch in branches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(found), len({snapshot.commit for snapshot in found})) == (4, 1)


def with_submodule(repository: Repository, tmp_path: Path) -> Repository:
    library = Repository.create(tmp_path / "library")
    library.commit("First", {"code": "1"})
    allowed = ("-c", "protocol.file.allow=always")
    repository.git(*allowed, "submodule", "--quiet", "add", str(library.root), "library")
    repository.git("commit", "--quiet", "-m", "Add the library")
    return Repository(repository.root / "library")


def test_a_clean_submodule_is_no_obstacle(repository: Repository, tmp_path: Path) -> None:
    """Its commit is what the repository's says."""
    with_submodule(repository, tmp_path)

    assert "library" not in worktree(repository.root, tmp_path / "state").snapshot("main").changed


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("file", "changed files"),
        ("untracked", "untracked files"),
        ("commit", "another commit"),
        ("staged", "another commit"),
    ],
)
def test_a_dirty_submodule_is_refused_by_name(repository: Repository, tmp_path: Path, how: str, says: str) -> None:
    """Agents could not fetch what it holds."""
    submodule = with_submodule(repository, tmp_path)
    if how in {"commit", "staged"}:
        submodule.commit("Second", {"code": "2"})
    submodule.write({"file": {"code": "3"}, "untracked": {"new": ""}}.get(how, {}))
    if how == "staged":
        repository.git("add", "library")

    with pytest.raises(UsageError, match=f"'library' has {says}") as refusal:
        worktree(repository.root, tmp_path / "state").snapshot("main")

    assert "commit and push it there" in str(refusal.value)


def test_a_submodule_beside_the_repository_is_refused_by_name(repository: Repository, tmp_path: Path) -> None:
    """From the shadow, `../library` is another place."""
    with_submodule(repository, tmp_path)
    repository.git("config", "--file", ".gitmodules", "submodule.library.url", "../library")

    with pytest.raises(UsageError, match=r"the submodule 'library' has the URL '\.\./library'"):
        worktree(repository.root, tmp_path / "state").snapshot("main")


def test_a_repository_within_the_repository_is_refused_by_name(repository: Repository, tmp_path: Path) -> None:
    """Git would record it as a submodule that nobody can fetch."""
    Repository.create(repository.root / "inner").commit("First", {"code": "1"})

    with pytest.raises(UsageError, match="'inner'"):
        worktree(repository.root, tmp_path / "state").snapshot("main")


def test_a_conflict_is_refused_by_name(repository: Repository, tmp_path: Path) -> None:
    """Half a merge is nobody's work."""
    repository.commit("All of it")
    repository.git("switch", "--quiet", "--create", "other", "HEAD~1")
    repository.commit("Other", {"changed": "otherwise"})
    merged = subprocess.run(
        ["git", "-C", str(repository.root), "merge", "main"],
        env={**os.environ, **IDENTITY},
        capture_output=True,
        check=False,
    )
    assert merged.returncode == 1

    with pytest.raises(UsageError, match="'changed' is in conflict"):
        worktree(repository.root, tmp_path / "state").snapshot("main")


def test_a_partial_clone_is_refused(repository: Repository, tmp_path: Path) -> None:
    """It lacks objects that agents would ask for."""
    repository.git("config", "uploadpack.allowFilter", "true")
    source = f"file://{repository.root}"
    Repository(tmp_path).git("clone", "--quiet", "--filter=blob:none", source, str(tmp_path / "partial"))

    with pytest.raises(UsageError, match="partial clone"):
        worktree(tmp_path / "partial", tmp_path / "state").snapshot("main")


def test_a_file_that_git_cannot_add_is_named(repository: Repository, tmp_path: Path) -> None:
    """With all that git says of it."""
    repository.git("config", "filter.lock.clean", "false")
    repository.git("config", "filter.lock.required", "true")
    repository.write({".gitattributes": "untracked filter=lock\n"})

    with pytest.raises(InfraError, match=r"external filter 'false' failed.*; fatal: untracked: clean filter 'lock'"):
        worktree(repository.root, tmp_path / "state").snapshot("main")


def test_a_branch_must_be_one(repository: Repository, tmp_path: Path) -> None:
    """As git would have it called."""
    with pytest.raises(UsageError, match=r"cannot call a branch 'a\.\.b'"):
        uncommitted(worktree(repository.root, tmp_path / "state"), branch="a..b", message=None)


SNAPSHOT = """
import os, sys
from pathlib import Path
from pipeline_gen.shell import LocalShell
from shipping.local.world.worktree import Worktree
worktree = Worktree(shell=LocalShell(), root=Path(sys.argv[1]), folder=Path(sys.argv[2]), env=os.environ)
print("begins", flush=True)
worktree.snapshot("main")
print("done", flush=True)
"""


def test_killed_anywhere_it_leaves_the_repository_alone(repository: Repository, tmp_path: Path) -> None:
    """After any part of a start, and of a later one; what is left is mended by the next that is let live."""
    repository.git("branch", "other")
    before = as_it_is(repository)
    ended = 0
    for number in range(21):
        if number % 7 == 0:
            repository.write({"untracked": f"change {number}"})
            before = as_it_is(repository)
        argv = [sys.executable, "-c", SNAPSHOT, str(repository.root), str(tmp_path / f"state-{number % 3}")]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=number * 0.02)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            ended += process.stdout.readline() == "done\n"
        assert as_it_is(repository) == before

    assert ended < 21
    snapshots = [worktree(repository.root, tmp_path / f"state-{number}").snapshot("main") for number in range(3)]
    assert len({snapshot.commit for snapshot in snapshots}) == 1
    assert fetched(snapshots[0], tmp_path / "agent") == EXPECTED | {"untracked": "change 14"}
