"""What a build is of, by where one stands. Real git."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import Faults, UsageError
from pipeline_gen.shell import LocalShell
from shipping.local.world.folder import default_state
from shipping.local.world.repository import (
    Needs,
    apps_of,
    needs,
    root_of,
    slug_of,
    source,
    state_of,
    top,
    uncommitted,
)
from shipping.local.world.worktree import Worktree

if TYPE_CHECKING:
    from pathlib import Path

SHELL = LocalShell()
CONFIGURATION = """
app: inbox
bucket: home
home: us
regions: {us: {bucket: home}, eu: {bucket: europe}}
slug: {layers: {app: {run: "true", keep: [a]}}}
buildkite: {queues: {tests: big}}
"""


def git(root: Path, *arguments: str) -> str:
    argv = ["git", "-c", "user.name=Someone", "-c", "user.email=someone@localhost", "-C", str(root), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "My App_2"
    (root / "sub").mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "sub" / "file").write_text("")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Add a file\n\nBecause.")
    return root


def test_a_build_is_of_the_current_branch(root: Path) -> None:
    """Its newest commit, under the subject of that commit."""
    git(root, "switch", "--quiet", "--create", "feature")

    what = source(SHELL, root, branch=None, commit=None, message=None)

    assert (what.branch, what.commit, what.message, what.dirty) == (
        "feature",
        git(root, "rev-parse", "HEAD"),
        "Add a file",
        (),
    )


def test_another_branch_is_built_at_its_own_commit(root: Path) -> None:
    """Not at the commit that one happens to stand on."""
    git(root, "branch", "older")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Newer")

    what = source(SHELL, root, branch="older", commit=None, message="Mine")

    assert (what.branch, what.commit, what.message) == ("older", git(root, "rev-parse", "older"), "Mine")


def test_changes_that_no_commit_has_are_named(root: Path) -> None:
    """Agents clone: what is not committed is not built."""
    (root / "sub" / "file").write_text("changed")
    (root / "new").write_text("")

    assert {"sub/file", "new"} == set(source(SHELL, root, branch=None, commit=None, message=None).dirty)


def test_a_detached_head_has_no_branch(root: Path) -> None:
    """The person must say which one it is."""
    git(root, "switch", "--quiet", "--detach")

    with pytest.raises(UsageError, match=r"HEAD of .* is detached"):
        source(SHELL, root, branch=None, commit=None, message=None)

    assert source(SHELL, root, branch="main", commit="HEAD", message=None).branch == "main"


def test_an_unknown_commit_is_named(root: Path) -> None:
    """As the person wrote it."""
    with pytest.raises(UsageError, match="cannot find the commit 'nothing'"):
        source(SHELL, root, branch=None, commit="nothing", message=None)


def test_where_one_stands_in_the_repository_does_not_matter(root: Path, tmp_path: Path) -> None:
    """The same repository, the same world; outside of one, a world of the folder's own."""
    env = {"HOME": "/home/me"}
    outside = tmp_path / "outside"
    outside.mkdir()

    assert root_of(SHELL, root / "sub") == root
    assert state_of(SHELL, root / "sub", env) == default_state(root, env)
    assert top(SHELL, outside) is None
    assert state_of(SHELL, outside, env) == default_state(outside, env)
    with pytest.raises(UsageError, match="it is not a git repository"):
        root_of(SHELL, outside)
    with pytest.raises(UsageError, match="cannot find the folder"):
        top(SHELL, tmp_path / "nowhere")


def test_the_pipeline_is_called_as_the_app_else_as_the_folder(root: Path) -> None:
    """In letters that a pipeline slug may have."""
    assert slug_of(root) == "my-app-2"

    (root / ".buildkite").mkdir()
    (root / ".buildkite" / "shipping.yml").write_text(CONFIGURATION)
    assert slug_of(root) == "inbox"


def test_a_world_has_what_the_configuration_names(root: Path) -> None:
    """Queues to serve and buckets to publish to; none without a configuration, every fault with a wrong one."""
    assert needs(SHELL, root) == Needs()

    (root / ".buildkite").mkdir()
    (root / ".buildkite" / "shipping.yml").write_text(CONFIGURATION)
    assert needs(SHELL, root) == Needs(queues=("big",), buckets=("home", "europe"))

    (root / ".buildkite" / "shipping.yml").write_text("app: inbox\nsuits: []\n")
    with pytest.raises(Faults, match="suits"):
        needs(SHELL, root)


def test_a_bare_repository_is_built_as_any(root: Path, tmp_path: Path) -> None:
    """It has commits, and no work that is not committed."""
    bare = tmp_path / "app.git"
    git(root, "clone", "--quiet", "--bare", str(root), str(bare))

    what = source(SHELL, root_of(SHELL, bare), branch=None, commit=None, message=None)

    assert (what.root, what.branch, what.message, what.dirty) == (bare, "main", "Add a file", ())
    assert slug_of(bare) == "app"
    with pytest.raises(UsageError, match="a bare repository has none"):
        uncommitted(Worktree(shell=SHELL, root=bare, folder=tmp_path / "w", env={}), branch=None, message=None)


def test_several_apps_are_several_pipelines(root: Path) -> None:
    """One has to be named; the world has what all of them need."""
    (root / ".buildkite").mkdir()
    for app, queue in (("api", "small"), ("web", "big")):
        text = CONFIGURATION.replace("app: inbox", f"app: {app}").replace("tests: big", f"tests: {queue}")
        (root / ".buildkite" / f"shipping.{app}.yml").write_text(text)

    assert apps_of(root) == {"api": "api", "web": "web"}
    assert needs(SHELL, root) == Needs(queues=("small", "big"), buckets=("home", "europe"))
    with pytest.raises(UsageError, match="has the pipelines api, web") as refusal:
        slug_of(root)
    assert refusal.value.hint == "ship local build --pipeline api"


def test_a_pipeline_may_be_called_otherwise_than_its_app(root: Path) -> None:
    """An organization may give all of them a prefix."""
    (root / ".buildkite").mkdir()
    (root / ".buildkite" / "shipping.yml").write_text(CONFIGURATION.replace("{queues", "{prefix: acme, queues"))

    assert apps_of(root) == {"acme-inbox": "inbox"}
