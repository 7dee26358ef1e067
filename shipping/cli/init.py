"""`ship init`: the first configuration of a repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_gen.errors import UsageError
from pipeline_gen.git import Git
from pipeline_gen.shell import LocalShell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.adopt.adoption import Adoption
    from shipping.adopt.place import NewFile, Placed
    from shipping.adopt.text import PluginsFrom


@click.command()
@click.option(
    "--app", "apps", multiple=True, help="An app of a repository with several: its name or folder. Repeatable."
)
@click.option(
    "--vendor", is_flag=True, help="Copy our plugins into .buildkite/plugins: works on every agent. The default."
)
@click.option(
    "--plugins-from",
    metavar="URL#VERSION",
    help="Take our plugins from a git repository instead; needs agents of version 3.108 or newer.",
)
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with the wheels of ship and all it needs: locks them for agents that have no ship.",
)
@click.option("--lock", is_flag=True, help="The same, with what pip's index has; asks it.")
@click.option("--dry-run", is_flag=True, help="Print the files, write nothing.")
def init(
    *, apps: tuple[str, ...], vendor: bool, plugins_from: str | None, wheels: Path | None, lock: bool, dry_run: bool
) -> None:
    """Look at the repository's tests and write the files that build them. Overwrites nothing.

    \b
    Example: ship init
             ship init --dry-run
             ship init --app web --app api
    """
    from shipping.adopt.adoption import Wanted, adopt
    from shipping.adopt.place import place, standing

    if vendor and plugins_from:
        raise UsageError("cannot take plugins from two places: --vendor copies them, --plugins-from names an address")
    if wheels and lock:
        raise UsageError("cannot lock twice: --wheels locks a folder, --lock what the index has")
    git = _repository()
    wanted = Wanted(apps=apps, plugins=_address(plugins_from) if plugins_from else None)
    adoption = adopt(git, wanted, launcher=_launcher(git, wheels=wheels, lock=lock))
    if dry_run:
        kept = standing(git.root, adoption.files)
        for file in adoption.files:
            _print(file, kept=file.path in kept)
        return
    placed = place(git.root, adoption.files)
    _tell(adoption)
    _tell_files(git, placed)
    if not (wheels or lock):
        click.echo(
            "agents need ship on their PATH; or let the launcher bring it: ship init --lock (or --wheels FOLDER)"
        )
    app = f" --app {adoption.apps[0].name}" if apps else ""
    click.echo(f"next: ship pipeline preview{app}; then commit, and try it here: ship local up")


def _repository() -> Git:
    shell = LocalShell()
    found = shell.run(["git", "rev-parse", "--show-toplevel"])
    if found.code != 0:
        raise UsageError(
            f"cannot find a git repository at {str(Path.cwd())!r}", hint="git init, then commit your files"
        )
    git = Git(shell, Path(found.text.strip()))
    if not git.has("HEAD"):
        raise UsageError("cannot look at a repository without a commit", hint="git add --all && git commit")
    return git


def _address(given: str) -> PluginsFrom:
    from shipping.adopt.text import PluginsFrom

    found = re.fullmatch(r"([^#]+\.git)#([^#]+)", given)
    if not found:
        raise UsageError(
            f"cannot take plugins from {given!r}: it is no URL#VERSION",
            hint="such as --plugins-from https://git.example/acme/ship.git#v1.2",
        )
    return PluginsFrom(source=found[1], version=found[2])


def _launcher(git: Git, *, wheels: Path | None, lock: bool) -> list[NewFile]:
    import sys

    from shipping.adopt.place import NewFile
    from shipping.launcher import LAUNCHER, LOCK, launcher, lock_from_index, lock_of

    files = [NewFile(path=LAUNCHER, body=launcher().encode(), executable=True)]
    if wheels:
        files.append(NewFile(path=LOCK, body=lock_of(wheels).encode()))
    elif lock:
        files.append(NewFile(path=LOCK, body=lock_from_index(git.shell, sys.executable).encode()))
    return files


def _print(file: NewFile, *, kept: bool) -> None:
    if file.path.startswith(".buildkite/plugins/"):
        click.echo(f"# {file.path}: {'there, the same' if kept else f'{len(file.body)} bytes'}")
    else:
        click.echo(f"# {file.path}{' (there, the same)' if kept else ''}\n{file.body.decode()}")


def _tell(adoption: Adoption) -> None:
    for app in adoption.apps:
        for suite in app.suites:
            click.echo(f"{app.name}: suite {suite.name}, {suite.tests} test files ({suite.why})")
            for note in suite.notes:
                click.echo(f"  note: {note}")
        if not app.suites:
            click.echo(f"{app.name}: no tests found that ship knows how to run; shipping.yml says what to fill in")
    for other in adoption.others:
        click.echo(f"found beside: {other.name} in {other.folder}; for files of its own: ship init --app {other.name}")


def _tell_files(git: Git, placed: Placed) -> None:
    click.echo(f"wrote {_listed(placed.written)}" if placed.written else "wrote nothing: all of it is there")
    if placed.kept and placed.written:
        click.echo(f"there already, the same: {_listed(placed.kept)}")
    ignored = git.ignored(placed.written)
    if ignored:
        click.echo(f"note: git ignores {_listed(ignored)}, which must be committed: git add --force .buildkite")


def _listed(paths: Sequence[str]) -> str:
    plugins = [path for path in paths if path.startswith(".buildkite/plugins/")]
    rest = [path for path in paths if path not in plugins]
    return ", ".join([*rest, *([f".buildkite/plugins/ ({len(plugins)} files)"] if plugins else [])])
