"""`ship local up | down | agent`: the world itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_gen.errors import INTERRUPTED, UsageError
from shipping.cli.local.where import json_option, opened, print_json, repo_option, state_folder, state_option, tell

if TYPE_CHECKING:
    from shipping.local.world import Options, World
    from shipping.local.world.repository import Needs


@click.command(short_help="Find the agent that the local world runs.")
@click.option("--which", is_flag=True, help="Find the agent, or build it, and say where it is (this is the default).")
@json_option
def agent(*, which: bool, as_json: bool) -> None:  # noqa: ARG001 - the flag names what the command does anyway
    """Find the Buildkite agent that the local world runs.

    Looked for in this order: SHIP_BUILDKITE_AGENT, PATH, the cache. Where there is none, the version that this suite is
    tested with is built with Go, once (a minute).

    \b
    Example: ship local agent --which
    """
    from shipping.local.agent import find

    found = find(os.environ, say=tell)
    if as_json:
        print_json({"path": str(found.path), "version": found.version, "source": found.source})
    else:
        click.echo(f"{found.path} {found.version} ({found.source})")


@click.command(short_help="Bring a world up, until Ctrl-C or `down`.")
@click.option("--agents", type=click.IntRange(1, 64), default=4, show_default=True, help="How many agents.")
@click.option("--queue", "queues", multiple=True, help="A queue they serve besides `default`; may be repeated.")
@click.option("--bucket", "buckets", multiple=True, help="A bucket to make in the object store; may be repeated.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the page; default: any free one.")
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What processes on hosts get: a file of lines NAME=VALUE.",
)
@click.option("--detach", is_flag=True, help="Return when it is up; `ship local down` ends it.")
@repo_option
@state_option
@json_option
def up(
    *,
    agents: int,
    queues: tuple[str, ...],
    buckets: tuple[str, ...],
    port: int | None,
    env_file: Path | None,
    detach: bool,
    repo: Path,
    state: Path | None,
    as_json: bool,
) -> int:
    """Bring a control plane, an object store, agents and hosts up, until Ctrl-C.

    Agents also serve the queues that the repository's configuration names, its buckets exist, and each host that a region's
    `fleet` names runs what is deployed there. Nothing is left running afterwards; builds are kept in the state folder.

    \b
    Example: ship local up --agents 4
    """
    from shipping.local.agent import find
    from shipping.local.hosts.place import read_env
    from shipping.local.world.launch import check, launch
    from shipping.local.world.options import Options

    needs = _needs(repo)
    for region in needs.tagged:
        tell(f"left out the hosts of {region!r}: only EC2 knows them by their tag; here a fleet names its hosts")
    if env_file is not None:
        read_env(env_file)
    options = Options(
        state=state or state_folder(repo),
        agent=Path(),
        agents=agents,
        queues=(*queues, *needs.queues),
        buckets=tuple(dict.fromkeys((*buckets, *needs.buckets))),
        hosts=needs.hosts,
        host_env=None if env_file is None else env_file.resolve(),
        port=port or 0,
    )
    check(options)
    options = options.with_agent(find(os.environ, say=tell).path)
    named = state is not None
    if not detach:
        return _run_here(options, named=named, as_json=as_json)
    # It lives on: nobody here waits for it, which is what a background process is.
    launch(options, env=os.environ, say=tell).returncode = 0
    with opened(repo, options.state) as world:
        _welcome(world, options, named=named, as_json=as_json)
    return 0


def _run_here(options: Options, *, named: bool, as_json: bool) -> int:
    """Be the supervisor. Ctrl-C is how it ends: 0 once it was up, 130 before."""
    from shipping.local.world.signals import caught

    was_up = False
    # Before the imports: what breaks into one of these comes out as another error.
    with caught() as signals:
        from shipping.local.world import World
        from shipping.local.world.folder import Folder
        from shipping.local.world.hold import held
        from shipping.local.world.supervisor import Supervisor

        folder = Folder(options.state)

        def ready() -> None:
            nonlocal was_up
            was_up = True
            with World(folder) as world:
                _welcome(world, options, named=named, as_json=as_json)

        with held(folder) as left:
            Supervisor(folder, options, env=os.environ, say=tell).run(signals, ready, left=left)
    return 0 if was_up else INTERRUPTED


def _welcome(world: World, options: Options, *, named: bool, as_json: bool) -> None:
    agents = [{"name": one.name, "pid": one.pid} for one in world.agents]
    if as_json:
        print_json(
            {"url": world.url, "state": str(world.folder.root), "supervisor": world.supervisor, "agents": agents}
        )
        return
    names = ", ".join(one.name for one in world.agents)
    there = f" {world.folder.option}" if named else ""
    click.echo(f"local Buildkite is up: {world.url}")
    click.echo(f"  agents  {names} (queues: {', '.join(options.served)})")
    if options.hosts:
        click.echo(f"  hosts   {_by_region(options)} (ship local host ls{there})")
    click.echo(f"  state   {world.folder.root}")
    click.echo(f"  build   ship local build --wait{there}")
    click.echo(f"  stop    ship local down{there}")


def _by_region(options: Options) -> str:
    found: dict[str, list[str]] = {}
    for host in options.hosts:
        found.setdefault(host.region, []).append(host.name)
    return "; ".join(f"{region}: {', '.join(names)}" for region, names in found.items())


@click.command(short_help="End it, and all that a killed run has left.")
@repo_option
@state_option
def down(*, repo: Path, state: Path | None) -> None:
    """End the local world: every process of it, also of one that was killed. Does nothing where none runs.

    \b
    Example: ship local down
    """
    from shipping.local.world.folder import Folder
    from shipping.local.world.launch import stop

    folder = Folder(state or state_folder(repo))
    click.echo(f"stopped {folder.root}" if stop(folder) else f"nothing runs in {folder.root}")


def _needs(repo: Path) -> Needs:
    """Return what the repository's configuration needs; a wrong one must not keep the world down."""
    from pipeline_gen.shell import LocalShell
    from shipping.local.world.repository import Needs, needs

    try:
        return needs(LocalShell(), repo)
    except UsageError as error:
        if not repo.is_dir():
            raise
        tell(f"left out the queues, buckets and hosts of the configuration: {error.message}")
        return Needs()
