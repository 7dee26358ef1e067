"""Find a suite's test files without importing anything: what pytest would look into, by its own configuration.

For a suite that a command runs, what its patterns match: `matching`.
"""

from __future__ import annotations

import posixpath
import shlex
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pipeline_gen.config.runners import COMMAND
from pipeline_gen.errors import UsageError
from pipeline_gen.suites.matching import find_matching_files
from pipeline_gen.suites.pytest_ini import DEFAULT_NO_RECURSE, DEFAULT_PYTHON_FILES, PytestIni, read_ini

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pipeline_gen.config import Suite

DOCTEST_FILES = ("test*.txt",)


def find_test_files(root: Path, suite: Suite, tracked: Sequence[str]) -> tuple[str, ...]:
    """Return the commit's test files of the suite, sorted.

    A command's are those that its patterns match. pytest's lie under the suite's paths, named by ``python_files`` of the
    configuration that pytest itself would take for these paths; what its ``norecursedirs`` and ``--ignore`` options leave
    out is left out, and a path that is a file is a test file, whatever its name.
    Raises UsageError where a path is not in the commit, or nothing is found.
    """
    if suite.runner == COMMAND:
        return find_matching_files(suite, tracked)
    known = set(tracked)
    for path in suite.paths:
        if path != "." and path not in known and not any(name.startswith(f"{path}/") for name in tracked):
            raise UsageError(
                f"cannot find tests of suite {suite.name!r}: the path {path!r} is not in the commit",
                hint=f"suites/{suite.name}/paths names folders or files that git tracks",
            )
    ini = read_ini(root, [path if path not in known else posixpath.dirname(path) or "." for path in suite.paths])
    rules = _Rules.of(ini)
    found = {
        name
        for path in suite.paths
        for name in tracked
        if name == path or (_below(name, path) and rules.is_test(root, name) and rules.admits(name, path))
    }
    if not found:
        raise UsageError(
            f"cannot find tests of suite {suite.name!r}: no file under {_quoted(suite.paths)} matches"
            f" {_quoted(rules.python_files)} (python_files of {ini.source!r})",
            hint="name the folders of the tests in `paths`, or their files in pytest's `python_files`",
        )
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """Which files pytest takes, from its configuration."""

    python_files: tuple[str, ...]
    no_recurse: tuple[str, ...]
    ignored: tuple[str, ...]
    ignored_globs: tuple[str, ...]
    doctest_files: tuple[str, ...]

    @classmethod
    def of(cls, ini: PytestIni) -> _Rules:
        options = ini.words("addopts", ())
        python_files = ini.words("python_files", DEFAULT_PYTHON_FILES)
        if "--doctest-modules" in options:
            python_files = (*python_files, "*.py")
        return cls(
            python_files=python_files,
            no_recurse=ini.words("norecursedirs", DEFAULT_NO_RECURSE),
            ignored=tuple(posixpath.normpath(value) for value in _values(options, "--ignore")),
            ignored_globs=tuple(_values(options, "--ignore-glob")),
            doctest_files=tuple(_values(options, "--doctest-glob")) or DOCTEST_FILES,
        )

    def admits(self, name: str, path: str) -> bool:
        """True where pytest, started at ``path``, would come to this file."""
        folders = _folders_between(name, path)
        if any(_matches(folder, pattern) for folder in folders for pattern in self.no_recurse):
            return False
        if any(name == ignored or _below(name, ignored) for ignored in self.ignored):
            return False
        return not any(fnmatchcase(step, glob) for step in (name, *folders) for glob in self.ignored_globs)

    def is_test(self, root: Path, name: str) -> bool:
        if name.endswith(".py"):
            return any(_matches(name, pattern) for pattern in self.python_files)
        # pytest reads text files of this name for doctests; one without a prompt holds none.
        return any(_matches(name, pattern) for pattern in self.doctest_files) and b">>>" in _read(root / name)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _below(name: str, folder: str) -> bool:
    return folder == "." or name.startswith(f"{folder}/")


def _folders_between(name: str, path: str) -> list[str]:
    """Return the folders that pytest enters on its way from ``path`` to the file, ``path`` itself not."""
    folders = []
    folder = posixpath.dirname(name)
    while folder not in ("", path):
        folders.append(folder)
        folder = posixpath.dirname(folder)
    return folders


def _matches(name: str, pattern: str) -> bool:
    """Match as pytest does: a pattern without a slash against the last part, with one against the end of the path."""
    if "/" not in pattern:
        return fnmatchcase(posixpath.basename(name), pattern)
    return fnmatchcase(f"/{name}", pattern if pattern.startswith("/") else f"*/{pattern}")


def _values(options: Sequence[str], name: str) -> Iterable[str]:
    for word, following in zip(options, (*options[1:], ""), strict=False):
        if word == name and following:
            yield following
        elif word.startswith(f"{name}="):
            yield word.partition("=")[2]


def _quoted(words: Iterable[str]) -> str:
    return shlex.join(words)
