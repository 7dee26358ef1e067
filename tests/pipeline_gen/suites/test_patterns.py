"""Globs as people write them, and the kinds of files that follow from them."""

from __future__ import annotations

import pytest

from pipeline_gen.suites.kinds import CONFTEST, PYTHON, is_named_as_test, kind_of
from pipeline_gen.suites.patterns import first_match

MATCHES = {
    "*.md": (["README.md", "docs/deep/x.md"], ["README.mdx", "md"]),
    "docs/**": (["docs/x.md", "docs/a/b.py"], ["docs", "adocs/x", "a/docs/x"]),
    "requirements*.txt": (["requirements.txt", "ci/requirements-dev.txt"], ["requirements/x.txt"]),
    "tests/test_*.py": (["tests/test_a.py"], ["tests/unit/test_a.py", "test_a.py"]),
    "tests/**/test_*.py": (["tests/test_a.py", "tests/x/y/test_a.py"], ["a/tests/test_a.py"]),
    "**/fixtures/**": (["fixtures/x", "a/fixtures/b/c"], ["a/fixtures"]),
    "a?c.py": (["abc.py"], ["a/c.py", "ac.py"]),
    "x[!0-9].py": (["xa.py"], ["x1.py"]),
    "a+b(c).py": (["a+b(c).py"], ["aab.py"]),
}


@pytest.mark.parametrize("pattern", MATCHES)
def test_a_pattern_matches_what_people_expect(pattern: str) -> None:
    yes, no = MATCHES[pattern]

    assert [first_match(path, [pattern]) for path in yes] == [pattern] * len(yes)
    assert [first_match(path, [pattern]) for path in no] == [None] * len(no)


def test_the_first_pattern_that_matches_is_named() -> None:
    assert first_match("docs/x.md", ["*.rst", "docs/**", "*.md"]) == "docs/**"


KINDS = {
    "app/x.py": PYTHON,
    "app/templates/__init__.py": PYTHON,
    "tests/api/conftest.py": CONFTEST,
    "uv.lock": "lockfile",
    "requirements/base.txt": "lockfile",
    "pnpm-lock.yaml": "lockfile",
    "setup.py": "configuration",
    "pyproject.toml": "configuration",
    ".github/workflows/ci.yml": "configuration",
    "ext/fast.pyx": "native code",
    "app/templates/mail.txt": "template",
    "web/index.html": "template",
    "tests/data/a.json": "fixture data",
    "app/fixtures/a.json": "fixture data",
    "app/rates.csv": "data file",
    "bin/run": "unknown kind of file",
}


@pytest.mark.parametrize("path", KINDS)
def test_a_path_has_a_kind(path: str) -> None:
    assert KINDS[path] == kind_of(path, test_folders=("tests",))


def test_pytests_own_names_are_tests() -> None:
    assert [is_named_as_test(path) for path in ("a/test_x.py", "x_test.py", "a/conftest.py", "a/helpers.py")] == [
        True,
        True,
        True,
        False,
    ]
