"""`ship demo`: the whole of it, here and now."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import click


@click.command()
@click.option(
    "--keep/--no-keep",
    default=None,
    help="Keep the page up afterwards, until Ctrl-C. Default: where there is a terminal.",
)
@click.option(
    "--agents", type=click.IntRange(1, 16), default=6, show_default=True, help="How many agents run the jobs."
)
def demo(*, keep: bool | None, agents: int) -> None:
    """See merges come to production on a local Buildkite while customers write; then one that must not; then a pull request.

    Everything runs in a folder of its own that is removed afterwards; no account, nothing left running.

    \b
    Example: ship demo --no-keep
    """
    from pipeline_gen.shell import LocalShell
    from shipping.demo.repository import SampleRepository, variables
    from shipping.demo.story import Stage, play
    from shipping.local.agent import find
    from shipping.local.world import Options, started
    from shipping.local.world.repository import needs

    begun = time.monotonic()
    with ExitStack() as stack:
        folder = Path(mkdtemp(prefix="ship-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        repository = SampleRepository.create(LocalShell(), folder / "inbox")
        program = find(os.environ, say=click.echo)
        click.echo(f"agent {program.version} from {program.path}")
        given = variables(folder)
        file = folder / "variables"
        file.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        needed = needs(LocalShell(), repository.root)
        options = Options(
            state=folder / "state",
            agent=program.path,
            agents=agents,
            buckets=needed.buckets,
            hosts=needed.hosts,
            host_env=file,
        )
        world = stack.enter_context(started(options, say=click.echo, env={**os.environ, **given}))
        click.echo(f"the page: {world.url}")
        play(Stage(world=world, repository=repository, database=Path(given["INBOX_DATABASE"]), say=click.echo))
        click.echo(f"\ndone in {time.monotonic() - begun:.0f} s")
        if sys.stdin.isatty() if keep is None else keep:
            click.echo(f"the page is up until Ctrl-C: {world.url}")
            while True:
                time.sleep(3600)
