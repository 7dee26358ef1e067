"""Find the apps of a repository: the whole of it, and the folders that are projects of their own."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.adopt.found import FoundApp
from shipping.adopt.node import find_node
from shipping.adopt.python import find_pytest
from shipping.adopt.ruby import find_rspec
from shipping.adopt.tree import parents, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.adopt.tree import Tree

_PROJECTS = ("pyproject.toml", "setup.py", "package.json", "Gemfile")
# Projects in such folders are there to be tested with, shown, or copied.
_NOT_APPS = re.compile(
    r"(?:^|/)(?:tests?|testing|__tests__|specs?|fixtures?|examples?|docs?|demos?|bench(?:marks)?|node_modules|vendor|third_party"
    r"|templates?|\..*)(?:/|$)"
)
DEEPEST = 3


def find_apps(tree: Tree, *, name: str, apart: bool) -> tuple[FoundApp, ...]:
    """Return the apps that have tests: the repository itself first (called ``name`` where it does not name itself).

    What lies in an app's folder is not the repository's. Unless they are wanted ``apart``, projects in folders of the first
    level that are each of another runner are suites of the one app: a back end and its front end are deployed together.
    """
    owned = _by_project(tree)
    inner = [
        find_app(replace(tree, base=folder, tracked=files), name=posixpath.basename(folder))
        for folder, files in owned.items()
    ]
    apps = [app for app in inner if app.suites]
    taken = {name for app in apps for name in owned[app.folder]}
    outer = find_app(replace(tree, tracked=tuple(one for one in tree.tracked if one not in taken)), name=name)
    near = [] if apart else _parts_of(outer, apps)
    outer = replace(outer, suites=(*outer.suites, *(suite for app in near for suite in app.suites)))
    return (*([outer] if outer.suites else []), *(app for app in apps if app not in near))


def _parts_of(outer: FoundApp, apps: Sequence[FoundApp]) -> list[FoundApp]:
    """Return the folders of the first level, where every runner is there once; else there is more than one app."""
    near = [app for app in apps if "/" not in app.folder]
    names = [suite.name for app in (outer, *near) for suite in app.suites]
    return near if len(names) == len(set(names)) else []


def find_app(tree: Tree, *, name: str) -> FoundApp:
    """Return the app at a tree's base, with the suites of every runner that has tests there."""
    found = [find_pytest(tree), find_node(tree), find_rspec(tree)]
    return FoundApp(name=_name(tree, name), folder=tree.base, suites=tuple(suite for suite in found if suite))


def _by_project(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Return the files of each folder with a project file of its own; of projects inside projects, the outermost's."""
    folders = {
        posixpath.dirname(name)
        for name in tree.tracked
        if posixpath.basename(name) in _PROJECTS and 0 < name.count("/") <= DEEPEST and not _NOT_APPS.search(name)
    }
    owned: dict[str, list[str]] = {}
    for name in tree.tracked:
        owner = next((folder for folder in parents(name) if folder in folders), None)
        if owner is not None:
            owned.setdefault(owner, []).append(name)
    return {folder: tuple(owned[folder]) for folder in sorted(owned)}


def _name(tree: Tree, fallback: str) -> str:
    """Return what the project calls itself, as a name of ours."""
    named = table(tree.toml("pyproject.toml"), "project").get("name")
    poetry = table(tree.toml("pyproject.toml"), "tool", "poetry").get("name")
    package = tree.json("package.json").get("name")
    own = next((one for one in (named, poetry, package) if isinstance(one, str)), fallback)
    plain = re.sub(r"[^a-z0-9]+", "-", own.rpartition("/")[2].lower()).strip("-")[:40].rstrip("-")
    return plain if re.match(r"[a-z]", plain) else f"app-{plain}".rstrip("-")
