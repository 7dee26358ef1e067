"""Uncommitted work as a commit that agents can fetch, made beside the repository: nothing in that is written.

A bare **shadow** repository in the state folder borrows the repository's objects (alternates) and adds what the working tree
has beyond them; it shows the repository's branches and tags, with the building branch at the new commit. The commit follows
from the tree and its parent alone: the same work is the same commit.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, UsageError
from shipping.local.world.environment import DROPPED
from shipping.local.world.shadow import Shadow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline_gen.shell import Done, Shell

# Read by nobody's configuration: no hook, file-system monitor or shared index may write where we only look.
CAREFULLY = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.splitIndex=false")
WHO = {"NAME": "Uncommitted work", "EMAIL": "uncommitted@localhost"}
UNBORN_DATE = "@0 +0000"
SUBMODULE = "160000"
SAID = ("error: ", "fatal: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The working tree as a commit of the repository at ``repository``; ``changed`` paths are not in its parent."""

    repository: Path
    commit: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worktree:
    """The working tree at ``root``, looked at with ``env`` (the caller's); the shadow lies in ``folder``."""

    shell: Shell
    root: Path
    folder: Path
    env: Mapping[str, str]

    def snapshot(self, branch: str) -> Snapshot:
        """Commit the working tree beside the repository, as the tip of ``branch``. Raises UsageError, InfraError."""
        self._check()
        shadow = Shadow(shell=self.shell, root=self.root, folder=self.folder, env=self._env)
        with shadow.held():
            shadow.prepare()
            tree, changed = self._tree(shadow)
            commit = self._commit(shadow, tree)
            shadow.show(branch, commit)
        return Snapshot(repository=shadow.path, commit=commit, changed=changed)

    @property
    def _env(self) -> dict[str, str]:
        """The caller's environment without what git's own hooks are given: we may have been called from one."""
        kept = {name: value for name, value in self.env.items() if name not in DROPPED}
        return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}

    def _check(self) -> None:
        """Refuse by name what a snapshot could not hold."""
        if self._git("config", "--get-regexp", r"^remote\..*\.promisor$").code == 0:
            raise UsageError(
                f"cannot build the uncommitted work of {str(self.root)!r}: it is a partial clone, and lacks objects",
                hint="git fetch --refetch --no-filter, or commit and build without --worktree",
            )
        self._check_modules()
        listed = self._must("status", "--porcelain=v2", "-z", "--no-renames", "--ignore-submodules=none")
        for entry in listed.split("\0"):
            fields = entry.split(" ")
            if fields[0] == "u":
                raise UsageError(
                    f"cannot build the uncommitted work: {entry.split(' ', 10)[10]!r} is in conflict",
                    hint="resolve it and `git add` it first",
                )
            if fields[0] == "1" and fields[2].startswith("S") and fields[2] != "S...":
                raise _submodule(entry.split(" ", 8)[8], fields[2])

    def _check_modules(self) -> None:
        if not (self.root / ".gitmodules").is_file():
            return
        done = self._git("config", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.url$")
        for line in done.text.splitlines():
            name, _, url = line.partition(" ")
            if url.startswith(("./", "../")):
                raise UsageError(
                    f"cannot build the uncommitted work: the submodule {name[10:-4]!r} has the URL {url!r},"
                    " which agents would look for beside the copy",
                    hint="commit, and build without --worktree",
                )

    def _tree(self, shadow: Shadow) -> tuple[str, tuple[str, ...]]:
        """Write the working tree's files and their tree into the shadow; return the tree and what differs from HEAD."""
        index = shadow.path / "ship-index"
        for stale in (index, index.with_name(f"{index.name}.lock")):
            stale.unlink(missing_ok=True)
        own = self._must("rev-parse", "--path-format=absolute", "--git-path", "index").removesuffix("\n")
        # A copy of the index knows which files are unchanged: without it, every file would be read.
        if os.path.exists(own):  # noqa: PTH110 - a path of bytes that are nobody's name stays a string
            shutil.copyfile(own, index)
        env = shadow.writing | {"GIT_INDEX_FILE": str(index)}
        self._must("add", "--all", "--", ":/", *self._but_our_own(), env=env)
        tree = self._must("write-tree", env=env).strip()
        against = ["HEAD"] if self._head() else [self._must("hash-object", "-t", "tree", "/dev/null").strip()]
        raw = self._must("diff-index", "--cached", "--raw", "--no-renames", "-z", *against, env=env).split("\0")
        for entry, path in zip(raw[::2], raw[1::2], strict=False):
            if SUBMODULE in entry.split(" ")[1:2]:
                raise _submodule(path, "SC..")
        return tree, tuple(raw[1::2])

    def _but_our_own(self) -> list[str]:
        """A state folder within the repository is not part of the work."""
        root = self.root.resolve()
        state = self.folder.resolve()
        return [f":(top,exclude,literal){state.relative_to(root)}"] if state.is_relative_to(root) else []

    def _commit(self, shadow: Shadow, tree: str) -> str:
        """Return the commit of ``tree`` on HEAD: HEAD itself where nothing has changed."""
        head = self._head()
        if head and self._must("rev-parse", f"{head}^{{tree}}").strip() == tree:
            return head
        date = self._must("log", "-1", "--format=@%ct +0000", head).strip() if head else UNBORN_DATE
        who = {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in WHO.items()}
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        parents = ["-p", head] if head else []
        subject = self._must("log", "-1", "--format=%s", head).strip() if head else ""
        message = f"Uncommitted work on: {subject}" if head else "Uncommitted work"
        argv = ["-c", "i18n.commitEncoding=UTF-8", "commit-tree", tree, *parents, "-m", message]
        return self._must(*argv, env=shadow.writing | who | dates).strip()

    def _head(self) -> str:
        """Return the commit of HEAD, empty in a repository without any."""
        done = self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return done.text.strip() if done.code == 0 else ""

    def _git(self, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
        return self.shell.run(["git", "-C", str(self.root), *CAREFULLY, *arguments], env=env or self._env)

    def _must(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        done = self._git(*arguments, env=env)
        if done.code != 0:
            # Which file it was stands in the first line, that all has failed in the last.
            lines = [line for line in done.err.decode(errors="replace").splitlines() if line.startswith(SAID)]
            raise InfraError(
                f"could not read the working tree of {str(self.root)!r}: {'; '.join(lines) or done.complaint}"
            )
        return done.out.decode("utf-8", "surrogateescape")


def _submodule(path: str, state: str) -> UsageError:
    letters = {"C": "another commit", "M": "changed files", "U": "untracked files"}
    what = ", ".join(letters[letter] for letter in state[1:] if letter in letters)
    return UsageError(
        f"cannot build the uncommitted work: the submodule or repository {path!r} has {what} of its own",
        hint=f"agents could not fetch that: commit and push it there, then `git add {path}` and commit here",
    )
