from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from shipping.cli import COMMANDS, HIDDEN, run, ship
from tests.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def commands(group: click.Group, trail: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command of the tree with the words that call it."""
    context = click.Context(group)
    for name in [*group.list_commands(context), *(HIDDEN if not trail else ())]:
        command = group.get_command(context, name)
        assert command is not None
        yield (*trail, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*trail, name))


@pytest.mark.parametrize(
    ("words", "command"), list(commands(ship)), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_has_help_with_an_example(words: tuple[str, ...], command: click.Command) -> None:
    """A stranger can begin from `--help` alone."""
    assert command.help, words
    assert "Example" in command.help, words


def test_help_lists_every_command_without_loading_any() -> None:
    """`ship --help` stays fast however heavy the groups are."""
    script = (
        "import sys; from shipping.cli import run; run(['--help']); "
        "print(sorted({'boto3', 'yaml', 'rich', 'starlette'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
    for _, name, _, _ in COMMANDS:
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)


def test_what_went_wrong_has_an_exit_status(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 for words we do not know, 2 for a folder without repository, 2 for a bad configuration."""
    monkeypatch.chdir(tmp_path)

    assert run(["pipelin"]) == 2
    assert run(["pipeline", "preview"]) == 2
    assert "cannot find a git repository" in capsys.readouterr().err
    Repository.create(tmp_path).commit("one", {".buildkite/shipping.yml": "app: 3\n"})
    assert run(["pipeline", "preview"]) == 2
    assert "app: found 3, allowed: a name" in capsys.readouterr().err


def test_a_bug_says_that_it_is_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status 4, with the stack trace; ordinary failures have none."""
    monkeypatch.setitem(HIDDEN, "job", "shipping.cli.no_such_room:job")

    assert run(["job", "slug"]) == 4
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "this is a bug" in said


def test_a_job_outside_a_build_is_told_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin's configuration comes from the agent."""
    monkeypatch.delenv("BUILDKITE_PLUGIN_CONFIGURATION", raising=False)

    assert run(["job", "slug"]) == 2
    assert "BUILDKITE_PLUGIN_CONFIGURATION" in capsys.readouterr().err


def test_a_ctrl_c_inside_a_callback_is_not_lost() -> None:
    """Python drops exceptions of weak references' callbacks, which imports make many of: Ctrl-C comes again."""
    script = """
import signal, sys, time, weakref
import click
import shipping.cli

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it

class Passing: ...

@click.command()
def wait():
    passing = Passing()
    kept = weakref.ref(passing, lambda _: signal.raise_signal(signal.SIGINT))
    del passing
    time.sleep(10)

shipping.cli.ship = wait
shipping.cli.main([])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=20)

    assert (done.returncode, done.stderr.strip()) == (130, "")
