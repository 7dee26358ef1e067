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
    if tree.base != "." and "uv.lock" in tree.top and not tree.has("uv.lock"):
        return Setup(
            argv=("uv", "sync", "--frozen", "--all-packages"), python=".venv/bin/python", why="uv.lock, a workspace's"
        )
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
    install = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lines = [
        "#!/bin/sh",
        "# Make the environment that the tests run in. Once per job; written by `ship init`, yours to change.",
        "set -eu",
        'cd "$(dirname "$0")/.."',
        f"python3 -m venv {shlex.quote(folder)}",
    ]
    if any("--group" in words for words in wanted):
        lines.append(shlex.join([*install, "--upgrade", "pip>=25.1"]))
    lines += [shlex.join([*install, *words]) for words in wanted]
    lines += ["# What shards need, whatever is pinned above.", shlex.join([*install, "pytest>=8.2"])]
    return Setup(argv=(name,), python=f"{folder}/bin/python", script=Script(name=name, lines=tuple(lines)), why=why)


def _wanted(tree: Tree) -> tuple[list[list[str]], str]:
    """Return the arguments of each call of pip, and the files they come from."""
    project, extras, groups = _project(tree), _extras(tree), _groups(tree)
    files = [name for name in _REQUIREMENTS if tree.has(name)][:1]
    if not files or not project:  # a project brings its own
        files = [*[name for name in _RUNTIME if tree.has(name)][:1], *files]
    required = [word for name in files for word in ("-r", tree.at(name))]
    at = "." if tree.base == "." else f"./{tree.base}"
    own = ["-e", f"{at}[{','.join(extras)}]" if extras else at] if project else []
    file = "" if tree.base == "." else f"{tree.at('pyproject.toml')}:"
    own += [word for group in groups for word in ("--group", f"{file}{group}")]
    tox = [] if files or extras or groups else _tox(tree)
    signs = [*files, *([project] if project else []), *(["tox.ini"] if tox else [])]
    why = ", ".join(tree.at(sign) for sign in signs) or "nothing that declares dependencies"
    if any("--hash=" in tree.text(name) for name in files):  # then pip takes nothing without one in the same call
        return [words for words in (required, own) if words], why
    together = [*required, *own, *tox]
    return [together] if together else [], why


def _project(tree: Tree) -> str | None:
    """Return the file by which pip can install the project, None where there is none."""
    pyproject = tree.toml("pyproject.toml")
    if "project" in pyproject or "build-system" in pyproject:
        return "pyproject.toml"
    if tree.has("setup.py"):
        return "setup.py"
    return "setup.cfg" if tree.ini("setup.cfg").has_section("metadata") else None


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
