"""The questions we ask of git, answered by git itself. Reads only, but for fetching what a shallow clone lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline_gen.shell import Done, Shell


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One path that differs between two commits.

    ``status`` is git's letter: A added, M modified, D deleted, T type changed. A rename is its two halves, the old path
    deleted and the new one added, with ``renamed`` naming the other half.
    """

    path: str
    status: str
    renamed: str | None = None


@dataclass(frozen=True, slots=True)
class Git:
    """A repository at ``root``. Commits are full ids in what is returned."""

    shell: Shell
    root: Path

    def head(self) -> str:
        return self.resolve("HEAD")

    def resolve(self, revision: str) -> str:
        """Return the commit id; raises UsageError where the revision does not exist."""
        done = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.code != 0:
            raise UsageError(f"cannot find the commit {revision!r} in {str(self.root)!r}")
        return done.text.strip()

    def has(self, commit: str) -> bool:
        return self._run("cat-file", "-e", f"{commit}^{{commit}}").code == 0

    def merge_base(self, one: str, other: str) -> str | None:
        done = self._run("merge-base", one, other)
        return done.text.strip() or None if done.code == 0 else None

    def changes(self, base: str, head: str) -> tuple[FileChange, ...]:
        """Return what differs from ``base`` to ``head``, by path; renames (50 % alike) as two halves."""
        out = self._must("diff", "--name-status", "-z", "--find-renames", "--no-ext-diff", base, head)
        fields = iter(out.split("\0"))
        found: list[FileChange] = []
        for status in fields:
            if not status:
                continue
            if status[0] in "RC":
                old, new = next(fields), next(fields)
                if status[0] == "R":
                    found.append(FileChange(path=old, status="D", renamed=new))
                found.append(FileChange(path=new, status="A", renamed=old))
            else:
                found.append(FileChange(path=next(fields), status=status[0]))
        return tuple(sorted(found, key=lambda change: change.path))

    def first_parents(self, commit: str, *, limit: int) -> tuple[str, ...]:
        """Return the commit and its ancestors along first parents, newest first, at most ``limit``."""
        out = self._must("rev-list", "--first-parent", f"--max-count={limit}", commit)
        return tuple(out.split())

    def position(self, commit: str) -> int:
        """Return the first-parent count of the commit: the order of releases. A shallow clone must be deepened first."""
        return int(self._must("rev-list", "--first-parent", "--count", commit))

    def show(self, commit: str, path: str) -> bytes | None:
        """Return a file's bytes at a commit, None where it is not there."""
        done = self._run("cat-file", "blob", f"{commit}:{path}")
        return done.out if done.code == 0 else None

    def files(self, commit: str = "HEAD") -> tuple[str, ...]:
        """Return every path of the commit's tree."""
        out = self._must("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit)
        return tuple(path for path in out.split("\0") if path)

    def dirty(self) -> tuple[str, ...]:
        """Return the paths with uncommitted changes, untracked files included."""
        out = self._must("status", "--porcelain", "-z", "--no-renames")
        return tuple(entry[3:] for entry in out.split("\0") if entry)

    def is_shallow(self) -> bool:
        return self._must("rev-parse", "--is-shallow-repository").strip() == "true"

    def deepen(self, *refs: str) -> None:
        """Fetch the whole history, commits only (no trees, no blobs), of a shallow clone."""
        self._must("fetch", "--unshallow", "--filter=tree:0", "--no-tags", "--quiet", "origin", *refs)

    def fetch(self, *refs: str) -> bool:
        """Fetch branches from origin; False where origin does not have them."""
        return self._run("fetch", "--no-tags", "--quiet", "origin", *refs).code == 0

    def default_branch(self) -> str | None:
        """Return the branch that origin's HEAD names, as far as it is known here."""
        done = self._run("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        return done.text.strip().removeprefix("origin/") or None if done.code == 0 else None

    def ignored(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Return the paths that an ignore rule keeps out of commits."""
        asked = "\0".join(paths).encode("utf-8", "surrogateescape")
        done = self.shell.run(["git", "-C", str(self.root), "check-ignore", "-z", "--stdin"], stdin=asked)
        return tuple(path for path in done.text.split("\0") if path)

    def branch(self) -> str | None:
        """Return the name of the branch one stands on, None on a detached head."""
        done = self._run("symbolic-ref", "--quiet", "--short", "HEAD")
        return done.text.strip() if done.code == 0 else None

    def message(self, commit: str) -> str:
        return self._must("log", "-1", "--format=%B", commit).strip()

    def _run(self, *arguments: str) -> Done:
        return self.shell.run(["git", "-C", str(self.root), *arguments])

    def _must(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.code != 0:
            raise InfraError(f"could not ask git ({' '.join(arguments[:2])}) in {str(self.root)!r}: {done.complaint}")
        return done.out.decode("utf-8", "surrogateescape")
