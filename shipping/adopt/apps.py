"""Find the apps of a repository: the whole of it, and the folders that are projects of their own."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from shipping.adopt.found import FoundApp
from shipping.adopt.node import find_node
from shipping.adopt.python import find_pytest
from shipping.adopt.ruby import find_rspec
from shipping.adopt.tree import Tree, table

_PROJECTS = ("pyproject.toml", "setup.py", "package.json", "Gemfile")
# Projects in such folders are there to be tested with, shown, or copied.
_NOT_APPS = re.compile(
    r"(?:^|/)(?:tests?|testing|__tests__|specs?|fixtures?|examples?|docs?|demos?|bench(?:marks)?|node_modules|vendor|third_party"
    r"|templates?|\..*)(?:/|$)"
)
DEEPEST = 3


def find_apps(tree: Tree, *, name: str) -> tuple[FoundApp, ...]:
    """Return the apps that have tests: the repository itself first (called ``name`` where it does not name itself).

    What lies in an app's folder is not the repository's.
    """
    folders = _folders(tree)
    inner = [find_app(replace(tree, base=folder), name=posixpath.basename(folder)) for folder in folders]
    apps = [app for app in inner if app.suites]
    outer = find_app(replace(tree, without=tuple(app.folder for app in apps)), name=name)
    return (*([outer] if outer.suites else []), *apps)


def find_app(tree: Tree, *, name: str) -> FoundApp:
    """Return the app at a tree's base, with the suites of every runner that has tests there."""
    found = [find_pytest(tree), find_node(tree), find_rspec(tree)]
    return FoundApp(name=_name(tree, name), folder=tree.base, suites=tuple(suite for suite in found if suite))


def _folders(tree: Tree) -> list[str]:
    """Return the folders with a project file of their own, outermost first, none inside another."""
    found: list[str] = []
    for name in sorted(tree.tracked, key=lambda path: (path.count("/"), path)):
        folder, file = posixpath.split(name)
        if file not in _PROJECTS or not folder or folder.count("/") >= DEEPEST or _NOT_APPS.search(folder):
            continue
        if not any(folder == outer or folder.startswith(f"{outer}/") for outer in found):
            found.append(folder)
    return found


def _name(tree: Tree, fallback: str) -> str:
    """Return what the project calls itself, as a name of ours."""
    named = table(tree.toml("pyproject.toml"), "project").get("name")
    poetry = table(tree.toml("pyproject.toml"), "tool", "poetry").get("name")
    package = tree.json("package.json").get("name")
    own = next((one for one in (named, poetry, package) if isinstance(one, str)), fallback)
    plain = re.sub(r"[^a-z0-9]+", "-", own.rpartition("/")[2].lower()).strip("-")[:40].rstrip("-")
    return plain if re.match(r"[a-z]", plain) else f"app-{plain}".rstrip("-")
