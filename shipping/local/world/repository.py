"""What a build is of: the repository, branch, commit and pipeline slug that follow from where one stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.config import load
from pipeline_gen.errors import UsageError
from pipeline_gen.git import Git
from shipping.local.hosts.roster import roster, tagged
from shipping.local.world.folder import default_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_gen.config import Config
    from pipeline_gen.shell import Shell
    from shipping.local.hosts.roster import Host
    from shipping.local.world.worktree import Worktree


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is to be built: a commit that agents fetch from ``repository``, of the repository whose folder is ``root``.

    ``dirty`` are the paths whose changes no commit has: they are not built.
    """

    root: Path
    repository: Path
    branch: str
    commit: str
    message: str
    dirty: tuple[str, ...]


def top(shell: Shell, folder: Path) -> Path | None:
    """Return the root of the git repository that ``folder`` stands in (a bare one is its own), None outside of one."""
    if not folder.is_dir():
        raise UsageError(f"cannot find the folder {str(folder)!r}")
    done = shell.run(["git", "-C", str(folder), "rev-parse", "--show-toplevel"])
    if done.code == 0:
        return Path(done.text.removesuffix("\n"))
    done = shell.run(["git", "-C", str(folder), "rev-parse", "--is-bare-repository", "--absolute-git-dir"])
    bare, _, place = done.text.removesuffix("\n").partition("\n")
    return Path(place) if done.code == 0 and bare == "true" else None


def is_bare(shell: Shell, root: Path) -> bool:
    """Say whether the repository has no folder of files."""
    return shell.run(["git", "-C", str(root), "rev-parse", "--is-bare-repository"]).text.strip() == "true"


def root_of(shell: Shell, folder: Path) -> Path:
    """Return the root of the repository that ``folder`` stands in. Raises UsageError outside of one."""
    found = top(shell, folder)
    if found is None:
        raise UsageError(
            f"cannot build {str(folder.resolve())!r}: it is not a git repository",
            hint="agents clone what they build: `git init` and commit, or name a repository with --repo",
        )
    return found


def state_of(shell: Shell, folder: Path, env: Mapping[str, str]) -> Path:
    """Return the state folder of the world that serves ``folder``: its repository's, or its own outside of one."""
    return default_state(top(shell, folder) or folder, env)


def source(shell: Shell, root: Path, *, branch: str | None, commit: str | None, message: str | None) -> Source:
    """Return what to build: the current branch and its commit, unless told otherwise. Raises UsageError."""
    git = Git(shell=shell, root=root)
    branch = branch or _current_branch(shell, root, commit)
    resolved = git.resolve(commit or branch)
    subject = git.message(resolved).split("\n", 1)[0]
    dirty = () if is_bare(shell, root) else git.dirty()
    return Source(root=root, repository=root, branch=branch, commit=resolved, message=message or subject, dirty=dirty)


def uncommitted(worktree: Worktree, *, branch: str | None, message: str | None) -> Source:
    """Return the working tree as what to build, made a commit beside the repository. Raises UsageError."""
    shell, root = worktree.shell, worktree.root
    if is_bare(shell, root):
        raise UsageError(
            f"cannot build the uncommitted work of {str(root)!r}: a bare repository has none",
            hint="leave --worktree out",
        )
    branch = branch or _current_branch(shell, root, None)
    if shell.run(["git", "check-ref-format", f"refs/heads/{branch}"]).code != 0:
        raise UsageError(f"cannot call a branch {branch!r}", hint="ship local build --worktree --branch NAME")
    snapshot = worktree.snapshot(branch)
    subject = Git(shell, snapshot.repository).message(snapshot.commit).split("\n", 1)[0]
    return Source(
        root=root,
        repository=snapshot.repository,
        branch=branch,
        commit=snapshot.commit,
        message=message or subject,
        dirty=(),
    )


def _current_branch(shell: Shell, root: Path, commit: str | None) -> str:
    done = shell.run(["git", "-C", str(root), "symbolic-ref", "--short", "--quiet", "HEAD"])
    if done.code == 0:
        return done.text.strip()
    raise UsageError(
        f"cannot tell which branch to build: HEAD of {str(root)!r} is detached",
        hint=f"name one: `ship local build --branch main --commit {commit or 'HEAD'}`",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a repository's configurations need of a world. ``tagged``: regions whose hosts it cannot have."""

    queues: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    hosts: tuple[Host, ...] = ()
    tagged: tuple[str, ...] = ()


def needs(shell: Shell, folder: Path) -> Needs:
    """Return what the configurations of ``folder``'s repository need. Raises Faults."""
    root = top(shell, folder)
    found = configurations(root) if root is not None else ()
    return Needs(
        queues=tuple(dict.fromkeys(queue for config in found for queue in config.buildkite.queues.values())),
        buckets=tuple(dict.fromkeys(bucket for config in found for bucket in config.slug_buckets)),
        hosts=roster(found),
        tagged=tagged(found),
    )


def configurations(root: Path) -> tuple[Config, ...]:
    """Return the configuration of each app of the repository, by file name. Raises Faults if one is wrong."""
    folder = root / ".buildkite"
    return tuple(load(file) for file in sorted({*folder.glob("shipping.yml"), *folder.glob("shipping.*.yml")}))


def apps_of(root: Path) -> dict[str, str]:
    """Return the apps of a repository by their pipeline slugs; one without apps is one, called as its folder."""
    found = {config.buildkite.pipeline_slug(config.app): config.app for config in configurations(root)}
    name = re.sub(r"[^a-z0-9]+", "-", root.name.removesuffix(".git").lower()).strip("-") or "pipeline"
    return found or {name: name}


def slug_of(root: Path) -> str:
    """Return the repository's one pipeline slug. Raises UsageError where it has several apps."""
    slugs = tuple(apps_of(root))
    if len(slugs) > 1:
        raise UsageError(
            f"cannot tell which pipeline to build: the repository has the pipelines {', '.join(slugs)}",
            hint=f"ship local build --pipeline {slugs[0]}",
        )
    return slugs[0]
