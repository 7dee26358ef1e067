"""Find the tests that pytest runs."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from pipeline_gen.config import Suite
from pipeline_gen.errors import UsageError
from pipeline_gen.suites.discovery import find_test_files
from pipeline_gen.suites.patterns import first_match
from pipeline_gen.suites.pytest_ini import DEFAULT_PYTHON_FILES, read_ini
from shipping.adopt.found import FoundSuite, outermost
from shipping.adopt.python_setup import find_setup
from shipping.adopt.tree import parents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.adopt.tree import Tree

USUAL = ("tests", "test", "testing")
MOST_PATHS = 6


def find_pytest(tree: Tree) -> FoundSuite | None:
    """Return the suite that pytest would run at the tree's base, None where there are no tests of it."""
    ini = read_ini(tree.root, [tree.base])
    testpaths = ini.words("testpaths", ())
    patterns = ini.words("python_files", DEFAULT_PYTHON_FILES)
    paths = _from_testpaths(tree, testpaths, posixpath.dirname(ini.source)) or _from_files(tree, patterns)
    tests = _tests(tree, paths)
    if not tests:
        return None
    configured = (tree.root / ini.source).is_file()
    why = ini.source if configured else tests[0]
    unsure = "nothing here names pytest: unittest's cases run under it too"
    notes = () if configured or _mentions_pytest(tree) else (unsure,)
    return FoundSuite(
        name="unit", tests=len(tests), why=f"pytest: {why}", setup=find_setup(tree), paths=paths, notes=notes
    )


def _from_testpaths(tree: Tree, testpaths: Sequence[str], folder: str) -> tuple[str, ...]:
    """Return the configured paths that are in the tree, globs filled in; empty where one is not there."""
    known = {*tree.tracked, *(parent for name in tree.tracked for parent in parents(name))}
    found: list[str] = []
    for path in testpaths:
        wanted = posixpath.normpath(posixpath.join(folder, path))
        matched = [wanted] if wanted in known else sorted(name for name in known if _globbed(name, wanted))
        if not matched:
            return ()
        found += matched
    return tuple(dict.fromkeys(found))


def _globbed(name: str, pattern: str) -> bool:
    # A pattern without a slash is about names in any folder to us, about the first folder to pytest.
    return "*" in pattern and first_match(f"/{name}", [f"/{pattern}"]) is not None


def _from_files(tree: Tree, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the outermost folders that hold the test files: the one that is called tests, where a file lies in such."""
    folders = [
        _tests_folder(name)
        for name in tree.tracked
        if name.endswith(".py") and first_match(posixpath.basename(name), [posixpath.basename(one) for one in patterns])
    ]
    found = outermost(folders)
    return found if len(found) <= MOST_PATHS else (tree.base,)


def _tests_folder(name: str) -> str:
    parts = name.split("/")[:-1]
    for depth, part in enumerate(parts):
        if part in USUAL:
            return "/".join(parts[: depth + 1])
    return "/".join(parts) or "."


def _tests(tree: Tree, paths: tuple[str, ...]) -> tuple[str, ...]:
    if not paths:
        return ()
    try:
        return find_test_files(tree.root, Suite(name="unit", paths=paths), tree.tracked)
    except UsageError:
        return ()


def _mentions_pytest(tree: Tree) -> bool:
    names = ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "noxfile.py", "Pipfile", "Makefile", "conftest.py")
    texts = [tree.text(name) for name in names]
    texts += [tree.text(posixpath.relpath(name, tree.base)) for name in tree.tracked if "requirements" in name]
    if any(name.endswith("conftest.py") for name in tree.tracked):
        return True
    return any(re.search(r"\b(pytest|py\.test)\b", text) for text in texts)
