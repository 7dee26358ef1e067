"""Find how a Python project's tests get their interpreter: by a lockfile's tool, else by pip and what is declared."""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import TYPE_CHECKING

from shipping.adopt.found import Script, Setup
from shipping.adopt.tree import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shipping.adopt.tree import Tree

SCRIPT = ".buildkite/setup"
# Tools that keep an environment by a lockfile: file, argv at the repository's root, argv in a folder of it.
_TOOLS = (
    ("uv.lock", "uv sync --frozen", "uv sync --frozen --project {base}"),
    (
        "poetry.lock",
        "env POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction",
        "env POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction --directory {base}",
    ),
    ("pdm.lock", "pdm sync --dev", "pdm sync --dev --project {base}"),
    (
        "Pipfile.lock",
        "env PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev",
        "env PIPENV_VENV_IN_PROJECT=1 PIPENV_PIPFILE={base}/Pipfile pipenv sync --dev",
    ),
)
# What is for tests only comes before what is for developers: a shard needs no linters and no documentation tools.
_REQUIREMENTS = (
    *(f"requirements{between}{name}.{end}"
      for end in ("lock", "txt") for name in ("test", "tests", "testing") for between in ("-", "_", "/")),
    "test-requirements.txt", "tests/requirements.txt", "test/requirements.txt",
    *(f"requirements{between}dev.{end}" for end in ("lock", "txt") for between in ("-", "_", "/")),
    "dev-requirements.txt",
)  # fmt: skip
_RUNTIME = ("requirements.lock", "requirements.txt", "requirements/base.txt")
_FOR_TESTS = ("test", "tests", "testing", "dev", "develop")


def find_setup(tree: Tree) -> Setup:
    """Return how to make the interpreter, and where it will be."""
    python = tree.at(".venv/bin/python")
    for lockfile, here, inside in _TOOLS:
        if tree.has(lockfile):
            line = here if tree.base == "." else inside.format(base=tree.base)
            return Setup(argv=tuple(line.split()), python=python, why=tree.at(lockfile))
    return _by_pip(tree)


def _by_pip(tree: Tree) -> Setup:
    """Return a script that makes a virtual environment; what pip needs is learnt from what the project declares."""
    wanted, why = _wanted(tree)
    name = SCRIPT if tree.base == "." else f"{SCRIPT}-{posixpath.basename(tree.base)}"
    folder = tree.at(".venv")
    groups = any("--group" in words for words in wanted)
    install = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lines = [
        "#!/bin/sh",
        "# Make the environment that the tests run in. Once per job; written by `ship init`, yours to change.",
        "set -eu",
        'cd "$(dirname "$0")/.."',
        f"python3 -m venv {shlex.quote(folder)}",
    ]
    if groups:
        lines.append(shlex.join([*install, "--upgrade", "pip>=25.1"]))
    lines.append(shlex.join([*install, *(word for words in wanted for word in words)]))
    return Setup(argv=(name,), python=f"{folder}/bin/python", script=Script(name=name, lines=tuple(lines)), why=why)


def _wanted(tree: Tree) -> tuple[list[list[str]], str]:
    """Return pip's arguments, in groups, and the files they come from."""
    wanted: list[list[str]] = []
    signs: list[str] = []
    files = [name for name in _REQUIREMENTS if tree.has(name)][:1] or [name for name in _RUNTIME if tree.has(name)][:1]
    for name in files:
        wanted.append(["-r", tree.at(name)])
        signs.append(name)
    extras, groups = _extras(tree), _groups(tree)
    if _is_project(tree):
        at = "." if tree.base == "." else f"./{tree.base}"
        wanted.append(["-e", f"{at}[{','.join(extras)}]" if extras else at])
        signs.append(tree.first("pyproject.toml", "setup.py", "setup.cfg") or "")
    file = "" if tree.base == "." else f"{tree.at('pyproject.toml')}:"
    wanted += [["--group", f"{file}{group}"] for group in groups]
    if not files and not extras and not groups:
        deps = _tox(tree)
        wanted += [deps] if deps else []
        signs += ["tox.ini"] if deps else []
    wanted.append(["pytest>=8.2"])
    return wanted, ", ".join(tree.at(sign) for sign in signs) or "nothing that declares dependencies"


def _is_project(tree: Tree) -> bool:
    pyproject = tree.toml("pyproject.toml")
    if tree.has("setup.py") or "project" in pyproject or "build-system" in pyproject:
        return True
    return tree.ini("setup.cfg").has_section("metadata")


def _extras(tree: Tree) -> tuple[str, ...]:
    """Return the project's extras that are for its tests; ``dev`` only where there is none for tests."""
    named = set(table(tree.toml("pyproject.toml"), "project", "optional-dependencies"))
    setup = tree.ini("setup.cfg")
    if setup.has_section("options.extras_require"):
        named |= set(setup.options("options.extras_require"))
    return _for_tests(named)


def _groups(tree: Tree) -> tuple[str, ...]:
    return _for_tests(table(tree.toml("pyproject.toml"), "dependency-groups"))


def _for_tests(names: Iterable[str]) -> tuple[str, ...]:
    known = set(names)
    return next(((name,) for name in _FOR_TESTS if name in known), ())


def _tox(tree: Tree) -> list[str]:
    """Return the dependencies of tox's own environment, those of one factor only left out."""
    tox = tree.ini("tox.ini")
    if not tox.has_option("testenv", "deps"):
        return []
    words: list[str] = []
    for line in (tox.get("testenv", "deps") or "").splitlines():
        bare = line.partition("#")[0].strip()
        if not bare or "{" in bare or re.match(r"[\w!,.-]+:\s", bare):
            continue
        words += ["-r", tree.at(bare.removeprefix("-r").strip())] if bare.startswith("-r") else [bare.replace(" ", "")]
    return words
