"""One `ship init` from the repository to the list of files: which app, which files, what is to be said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import UsageError, nearest
from shipping.adopt.apps import find_app, find_apps
from shipping.adopt.place import NewFile, vendored
from shipping.adopt.text import configuration, pipeline
from shipping.adopt.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen.git import Git
    from shipping.adopt.found import FoundApp
    from shipping.adopt.text import PluginsFrom

HOME = "docs/configuration.md of buildkite-ship"
FOLDER = ".buildkite"
MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for. ``apps`` empty: the repository is one app. ``plugins`` None: they are vendored."""

    apps: tuple[str, ...] = ()
    plugins: PluginsFrom | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """The apps that files are written for, the files, and the apps that were found beside them."""

    apps: tuple[FoundApp, ...]
    others: tuple[FoundApp, ...]
    files: tuple[NewFile, ...]


def adopt(git: Git, wanted: Wanted, *, launcher: Sequence[NewFile]) -> Adoption:
    """Look at the repository's tracked files and return what to write. Raises UsageError where it cannot be decided."""
    tracked = git.files(git.head())
    tree = Tree(root=git.root, tracked=tracked, top=frozenset(name for name in tracked if "/" not in name))
    found = find_apps(tree, name=git.root.name, apart=bool(wanted.apps))
    chosen = _named(found, wanted.apps) if wanted.apps else (_the_one(found, tree, git.root.name),)
    several = bool(wanted.apps)
    files = [
        *(file for app in chosen for file in _files(app, wanted, main_branch(git), several=several)),
        *launcher,
        *(vendored() if wanted.plugins is None else ()),
    ]
    unique = {file.path: file for file in files}
    others = tuple(app for app in found if app not in chosen)
    return Adoption(apps=chosen, others=others, files=tuple(unique.values()))


def main_branch(git: Git) -> str:
    """Return the branch that releases come from: origin's own, else one of the usual names, else the one we stand on."""
    known = git.default_branch()
    if known:
        return known
    usual = next((name for name in ("main", "master", "trunk") if git.has(f"refs/heads/{name}")), None)
    return usual or git.branch() or "main"


def _named(found: Sequence[FoundApp], names: Sequence[str]) -> tuple[FoundApp, ...]:
    by_name = {app.name: app for app in found} | {app.folder: app for app in found if app.folder != "."}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        known = _listed(found) or "no app with tests"
        raise UsageError(f"cannot find the app {unknown[0]!r}: there is {known}{nearest(unknown[0], by_name)}")
    return tuple(dict.fromkeys(by_name[name] for name in names))


def _the_one(found: Sequence[FoundApp], tree: Tree, name: str) -> FoundApp:
    """Return the app that the repository is: itself, or the only folder that is one."""
    if not found:
        return find_app(tree, name=name)
    if found[0].folder == "." or len(found) == 1:
        return found[0]
    options = " ".join(f"--app {app.name}" for app in found[:MOST_NAMED])
    raise UsageError(
        f"cannot choose among the apps of this repository: {_listed(found)}",
        hint=f"name those you want, one or several: ship init {options}",
    )


def _listed(apps: Sequence[FoundApp]) -> str:
    more = f" and {len(apps) - MOST_NAMED} more" if len(apps) > MOST_NAMED else ""
    return ", ".join(_described(app) for app in apps[:MOST_NAMED]) + more


def _described(app: FoundApp) -> str:
    return f"{app.name} ({app.folder})" if app.folder != "." else app.name


def _files(app: FoundApp, wanted: Wanted, branch: str, *, several: bool) -> list[NewFile]:
    infix = f".{app.name}" if several else ""
    text = configuration(app, main_branch=branch, plugins=wanted.plugins, home=HOME)
    return [
        NewFile(path=f"{FOLDER}/pipeline{infix}.yml", body=pipeline(app=app.name if several else None).encode()),
        NewFile(path=f"{FOLDER}/shipping{infix}.yml", body=text.encode()),
        *(
            NewFile(path=script.name, body="".join(f"{line}\n" for line in script.lines).encode(), executable=True)
            for script in app.scripts
        ),
    ]
