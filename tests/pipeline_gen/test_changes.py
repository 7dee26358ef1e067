from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.changes import find_base
from pipeline_gen.context import Context, from_checkout, from_environment
from pipeline_gen.errors import Faults, InfraError, UsageError
from pipeline_gen.git import FileChange, Git
from pipeline_gen.shell import LocalShell
from tests.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.create(tmp_path / "origin")
    made.commit("one", {"a.py": "a = 1\n" * 9, "b.py": "b = 1\n"})
    made.commit("two", {"c.py": "c = 1\n"})
    return made


def context(commit: str, branch: str, **more: str) -> Context:
    return Context(build="b", step="s", commit=commit, branch=branch, **more)  # type: ignore[arg-type]


def test_renames_are_two_halves_and_deletions_are_seen(repository: Repository) -> None:
    """A rename is a path gone and a path new, each naming the other."""
    base = repository.git("rev-parse", "HEAD")
    repository.git("mv", "a.py", "moved é.py")
    repository.git("rm", "--quiet", "b.py")
    head = repository.commit("three", {"c.py": "c = 2\n"})

    assert repository.asked.changes(base, head) == (
        FileChange(path="a.py", status="D", renamed="moved é.py"),
        FileChange(path="b.py", status="D"),
        FileChange(path="c.py", status="M"),
        FileChange(path="moved é.py", status="A", renamed="a.py"),
    )


def test_on_main_changes_are_counted_from_the_first_parent(repository: Repository) -> None:
    """A merge is one step on main, whatever was merged."""
    before = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.commit("on topic", {"d.py": ""})
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "merge", "topic")
    head = repository.git("rev-parse", "HEAD")

    base = find_base(context(head, "main"), repository.asked, main_branch="main", fetch=False)

    assert (base.commit, base.reason) == (before, "first parent")
    assert repository.asked.position(head) == 3


def test_a_pull_request_is_counted_from_its_merge_base_even_in_a_stale_clone(
    repository: Repository, tmp_path: Path
) -> None:
    """Origin's main is fetched: the clone's own idea of it may be months old."""
    repository.git("clone", "--quiet", str(repository.root), str(tmp_path / "clone"))
    newer = repository.commit("three on main", {"e.py": ""})
    repository.git("checkout", "--quiet", "-b", "topic")
    head = repository.commit("on topic", {"d.py": ""})
    clone = Repository(tmp_path / "clone")
    clone.git("fetch", "--quiet", "origin", head)

    stale = find_base(context(head, "topic", base_branch="main"), clone.asked, main_branch="main", fetch=False)
    fresh = find_base(context(head, "topic", base_branch="main"), clone.asked, main_branch="main", fetch=True)

    assert fresh.commit == newer
    assert stale.commit != newer


def test_a_shallow_clone_is_deepened(repository: Repository, tmp_path: Path) -> None:
    """Position and merge base need the history; trees and blobs stay where they are."""
    repository.git("checkout", "--quiet", "-b", "topic")
    head = repository.commit("on topic", {"d.py": ""})
    url = f"file://{repository.root}"
    repository.git("clone", "--quiet", "--depth=1", "--branch=topic", url, str(tmp_path / "shallow"))
    git = Git(LocalShell(), tmp_path / "shallow")
    assert git.is_shallow()

    base = find_base(context(head, "topic"), git, main_branch="main", fetch=True)

    assert base.commit == repository.git("rev-parse", "main")
    assert git.position(head) == 3


def test_a_shallow_clone_without_its_origin_has_no_base(repository: Repository, tmp_path: Path) -> None:
    """What cannot be known is said, and everything will run."""
    head = repository.commit("three", {"d.py": ""})
    url = f"file://{repository.root}"
    repository.git("clone", "--quiet", "--depth=1", url, str(tmp_path / "shallow"))
    shallow = Repository(tmp_path / "shallow")
    shallow.git("remote", "set-url", "origin", str(tmp_path / "gone"))

    base = find_base(context(head, "topic"), shallow.asked, main_branch="main", fetch=True)

    assert base.commit is None
    assert "shallow" in base.reason


def test_unrelated_and_missing_branches_have_no_base(repository: Repository) -> None:
    """Both reasons are told apart."""
    repository.git("checkout", "--quiet", "--orphan", "other")
    head = repository.commit("alone", {"z.py": ""})

    unrelated = find_base(context(head, "other"), repository.asked, main_branch="main", fetch=False)
    missing = find_base(context(head, "other"), repository.asked, main_branch="trunk", fetch=False)

    assert unrelated.reason == "the branch shares no commit with 'main'"
    assert missing.reason == "there is no branch 'trunk' to compare with"


def test_the_first_commit_has_no_base(tmp_path: Path) -> None:
    """The first build of a new repository."""
    repository = Repository.create(tmp_path)
    head = repository.commit("one", {"a.py": ""})

    base = find_base(context(head, "main"), repository.asked, main_branch="main", fetch=False)

    assert (base.commit, base.reason) == (None, "the first commit of the repository")


def test_the_environment_of_a_job_becomes_a_context(repository: Repository) -> None:
    """HEAD is resolved; a fork's pull request from a branch called main is not main."""
    env = {
        "BUILDKITE_BUILD_ID": "b1",
        "BUILDKITE_STEP_ID": "s1",
        "BUILDKITE_COMMIT": "HEAD",
        "BUILDKITE_BRANCH": "main",
        "BUILDKITE_PULL_REQUEST": "7",
        "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main",
        "BUILDKITE_PULL_REQUEST_LABELS": "big,red",
    }

    read = from_environment(env, repository.asked)

    assert read.commit == repository.git("rev-parse", "HEAD")
    assert (read.pull_request, read.base_branch, read.labels) == ("7", "main", ("big", "red"))
    assert not read.is_main("main")
    assert from_environment(env | {"BUILDKITE_PULL_REQUEST": "false"}, repository.asked).is_main("main")


def test_outside_a_job_every_missing_variable_is_named(repository: Repository) -> None:
    """All at once, with the command that works outside."""
    with pytest.raises(Faults) as caught:
        from_environment({"BUILDKITE_BRANCH": "main"}, repository.asked)

    assert [fault.path for fault in caught.value.faults] == [
        "BUILDKITE_BUILD_ID",
        "BUILDKITE_STEP_ID",
        "BUILDKITE_COMMIT",
    ]
    assert caught.value.hint is not None
    assert "ship pipeline preview" in caught.value.hint


def test_a_checkout_stands_for_a_build_of_its_commit(repository: Repository) -> None:
    """`preview` needs no agent."""
    read = from_checkout(repository.asked)

    assert (read.branch, read.message) == ("main", "two")


def test_git_that_does_not_answer_is_infrastructure(tmp_path: Path) -> None:
    """Not a repository: the question and the folder are named."""
    git = Git(LocalShell(), tmp_path)

    with pytest.raises(InfraError, match="could not ask git"):
        git.files()
    with pytest.raises(UsageError, match="cannot find the commit 'nope'"):
        git.resolve("nope")
