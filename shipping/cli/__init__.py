"""The command line `ship`: parsing and printing only, one file per group, each loaded when it is called."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from pipeline_gen.errors import BUG, INTERRUPTED, ShipError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Section, command, where it lives, what it is for. Short helps stand here so that `ship --help` loads no group.
COMMANDS = (
    ("Engineers", "status", "shipping.cli.status:status", "Say what each region must run, and who locked it."),
    ("Engineers", "lock", "shipping.cli.lanes:lock", "Stop deploys to regions, with a reason."),
    ("Engineers", "unlock", "shipping.cli.lanes:unlock", "Let deploys to regions go on."),
    ("Engineers", "host", "shipping.cli.host:host", "Run a fleet's host."),
    (
        "Platform",
        "init",
        "shipping.cli.init:init",
        "Write a repository's first configuration, from what its tests show.",
    ),
    (
        "Platform",
        "pipeline",
        "shipping.cli.pipeline:pipeline",
        "Decide a build's steps: preview, explain, lint, upload.",
    ),
    ("Platform", "suites", "shipping.cli.suites:suites", "Learn how long tests take."),
    ("Platform", "slug", "shipping.cli.slug:slug", "Build, verify and fetch the deployable."),
    ("Platform", "doctor", "shipping.cli.doctor:doctor", "Say what is wrong with a set-up, with the fix."),
    ("Platform", "buildkite", "shipping.cli.buildkite:buildkite", "Set the app's pipelines up at Buildkite."),
    ("Platform", "local", "shipping.cli.local:local", "Run a Buildkite of your own on this machine."),
    ("Platform", "demo", "shipping.cli.demo:demo", "See merges come to production under load, here and now."),
)
HIDDEN = {"job": "shipping.cli.job:job"}


class _Commands(click.Group):
    """Loads a command when it is asked for; the import of one must not slow down the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [name for _, name, _, _ in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        places = {name: place for _, name, place, _ in COMMANDS} | HIDDEN
        if cmd_name not in places:
            return None
        module, _, attribute = places[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for section in dict.fromkeys(section for section, _, _, _ in COMMANDS):
            with formatter.section(section):
                formatter.write_dl([(name, text) for found, name, _, text in COMMANDS if found == section])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="buildkite-ship", prog_name="ship")
def ship() -> None:
    """Ship a large application on Buildkite.

    \b
    Exit status: 0 done, 1 the answer is no, 2 usage or configuration,
    3 infrastructure (safe to retry), 4 a bug, 130 interrupted.

    \b
    Example: ship pipeline preview
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit status."""
    sys.unraisablehook = _keep_interrupts
    sys.exit(run(arguments))


def _keep_interrupts(lost: sys.UnraisableHookArgs) -> None:
    """Deliver a Ctrl-C again that arrived inside a callback or a finaliser, where Python prints and forgets it."""
    if lost.exc_type is KeyboardInterrupt:
        # A moment later: raised in here, it would be dropped like the first.
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    else:
        sys.__unraisablehook__(lost)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; every failure is told on standard error."""
    try:
        result = ship.main(args=None if arguments is None else list(arguments), prog_name="ship", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ShipError as error:
        click.echo(f"ship: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:
        # The reader went away (`ship ... | head`): nothing of ours failed.
        sys.stderr.close()
        return 0
    except Exception:  # noqa: BLE001 - the last fence: a bug is told as one, never as an answer
        import traceback

        traceback.print_exc()
        click.echo("ship: this is a bug; please report it with the lines above", err=True)
        return BUG
    return result if isinstance(result, int) else 0
