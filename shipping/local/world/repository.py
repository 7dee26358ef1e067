"""What a build is of: the repository, branch, commit and pipeline slug that follow from where one stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.config import load
from pipeline_gen.errors import UsageError
from pipeline_gen.git import Git
from shipping.local.world.folder import default_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_gen.config import Config
    from pipeline_gen.shell import Shell


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is to be built. ``dirty`` are the paths whose changes no commit has: they are not built."""

    branch: str
    commit: str
    message: str
    dirty: tuple[str, ...]


def top(shell: Shell, folder: Path) -> Path | None:
    """Return the root of the git repository that ``folder`` stands in, None outside of one."""
    if not folder.is_dir():
        raise UsageError(f"cannot find the folder {str(folder)!r}")
    done = shell.run(["git", "-C", str(folder), "rev-parse", "--show-toplevel"])
    return Path(done.text.strip()) if done.code == 0 else None


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
    return Source(branch=branch, commit=resolved, message=message or subject, dirty=git.dirty())


def _current_branch(shell: Shell, root: Path, commit: str | None) -> str:
    done = shell.run(["git", "-C", str(root), "symbolic-ref", "--short", "--quiet", "HEAD"])
    if done.code == 0:
        return done.text.strip()
    raise UsageError(
        f"cannot tell which branch to build: HEAD of {str(root)!r} is detached",
        hint=f"name one: `ship local build --branch main --commit {commit or 'HEAD'}`",
    )


def needs(shell: Shell, folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the queues and the buckets that the configuration of ``folder``'s repository names. Raises Faults."""
    root = top(shell, folder)
    config = configuration(root) if root is not None else None
    return (tuple(config.buildkite.queues.values()), config.slug_buckets) if config is not None else ((), ())


def configuration(root: Path) -> Config | None:
    """Return the repository's configuration, None where it has none or several. Raises Faults if it is wrong."""
    files = [*(root / ".buildkite").glob("shipping.yml"), *(root / ".buildkite").glob("shipping.*.yml")]
    return load(files[0]) if len(files) == 1 else None


def slug_of(root: Path) -> str:
    """Return a repository's pipeline slug: its configuration's app, else the folder's name as Buildkite writes it."""
    config = configuration(root)
    if config is not None:
        return config.app
    return re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-") or "pipeline"
