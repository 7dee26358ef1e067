"""`ship local`: a Buildkite of one's own on this machine, with real agents."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline_gen.errors import INTERRUPTED, Faults, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shipping.local.world import Build, Options, World

FOLDER = click.Path(file_okay=False, path_type=Path)
repo_option = click.option("--repo", type=FOLDER, default=Path(), help="The repository; default: where you stand.")
state_option = click.option(
    "--state", type=FOLDER, help="The state folder; default: one of its own for each repository."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
pipeline_option = click.option(
    "--pipeline", help="Its slug; default: `app` of .buildkite/shipping.yml, else the folder's name."
)


@click.group()
def local() -> None:
    """Run a Buildkite of your own on this machine, with real agents.

    \b
    Example:
      ship local up --detach
      ship local build --wait
      ship local down
    """


@local.command()
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

    found = find(os.environ, say=_tell)
    if as_json:
        _print_json({"path": str(found.path), "version": found.version, "source": found.source})
    else:
        click.echo(f"{found.path} {found.version} ({found.source})")


@local.command()
@click.option("--agents", type=click.IntRange(1, 64), default=4, show_default=True, help="How many agents.")
@click.option("--queue", "queues", multiple=True, help="A queue they serve besides `default`; may be repeated.")
@click.option("--bucket", "buckets", multiple=True, help="A bucket to make in the object store; may be repeated.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the page; default: any free one.")
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
    detach: bool,
    repo: Path,
    state: Path | None,
    as_json: bool,
) -> int:
    """Bring a control plane, an object store and agents up, until Ctrl-C.

    Agents also serve the queues that the repository's configuration names, and its buckets exist. Nothing is left
    running afterwards; builds are kept in the state folder.

    \b
    Example: ship local up --agents 4
    """
    from shipping.local.agent import find
    from shipping.local.world.launch import check, launch
    from shipping.local.world.options import Options

    more_queues, more_buckets = _needs(repo)
    options = Options(
        state=state or _state(repo),
        agent=Path(),
        agents=agents,
        queues=(*queues, *more_queues),
        buckets=tuple(dict.fromkeys((*buckets, *more_buckets))),
        port=port or 0,
    )
    check(options)
    options = options.with_agent(find(os.environ, say=_tell).path)
    named = state is not None
    if not detach:
        return _run_here(options, named=named, as_json=as_json)
    # It lives on: nobody here waits for it, which is what a background process is.
    launch(options, env=os.environ, say=_tell).returncode = 0
    with _world(repo, options.state) as world:
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
            Supervisor(folder, options, env=os.environ, say=_tell).run(signals, ready, left=left)
    return 0 if was_up else INTERRUPTED


def _welcome(world: World, options: Options, *, named: bool, as_json: bool) -> None:
    agents = [{"name": one.name, "pid": one.pid} for one in world.agents]
    if as_json:
        _print_json(
            {"url": world.url, "state": str(world.folder.root), "supervisor": world.supervisor, "agents": agents}
        )
        return
    names = ", ".join(one.name for one in world.agents)
    there = f" {world.folder.option}" if named else ""
    click.echo(f"local Buildkite is up: {world.url}")
    click.echo(f"  agents  {names} (queues: {', '.join(options.served)})")
    click.echo(f"  state   {world.folder.root}")
    click.echo(f"  build   ship local build --wait{there}")
    click.echo(f"  stop    ship local down{there}")


@local.command()
@repo_option
@state_option
def down(*, repo: Path, state: Path | None) -> None:
    """End the local world: every process of it, also of one that was killed. Does nothing where none runs.

    \b
    Example: ship local down
    """
    from shipping.local.world.folder import Folder
    from shipping.local.world.launch import stop

    folder = Folder(state or _state(repo))
    click.echo(f"stopped {folder.root}" if stop(folder) else f"nothing runs in {folder.root}")


@local.command()
@pipeline_option
@click.option("--branch", help="Default: the branch you are on.")
@click.option("--commit", help="Default: the branch's newest.")
@click.option("--message", help="Default: the subject of the commit.")
@click.option("--env", "variables", multiple=True, metavar="NAME=VALUE", help="For every job; may be repeated.")
@click.option("--pull-request", type=click.IntRange(1), help="Build it as this pull request.")
@click.option("--base", default="main", show_default=True, help="The pull request's base branch.")
@click.option("--wait", is_flag=True, help="Follow it to its end: exit 0 if it passed, 1 if not.")
@repo_option
@state_option
@json_option
def build(
    *,
    pipeline: str | None,
    branch: str | None,
    commit: str | None,
    message: str | None,
    variables: tuple[str, ...],
    pull_request: int | None,
    base: str,
    wait: bool,
    repo: Path,
    state: Path | None,
    as_json: bool,
) -> None:
    """Build a commit of the repository; its pipeline is created on first use.

    Only what is committed is built. The pipeline's first step uploads the commit's .buildkite/pipeline.yml.

    \b
    Example: ship local build --branch main --wait
    """
    from pipeline_gen.shell import LocalShell
    from shipping.local.world.client import PullRequest
    from shipping.local.world.repository import root_of, slug_of, source

    shell = LocalShell()
    root = root_of(shell, repo)
    what = source(shell, root, branch=branch, commit=commit, message=message)
    if what.dirty:
        _tell(f"not built: uncommitted changes of {len(what.dirty)} files ({', '.join(what.dirty[:3])}, ...)")
    with _world(repo, state) as world:
        slug = str(world.create_pipeline(pipeline or slug_of(root), root)["slug"])
        started = world.build(
            slug,
            branch=what.branch,
            commit=what.commit,
            message=what.message,
            env=_variables(variables),
            pull_request=PullRequest(number=pull_request, base=base) if pull_request else None,
        )
        _tell(f"build {started.number} of {slug}: {started.url}")
        shown = world.wait(started, timeout=float("inf"), each=_progress()) if wait else world.show(started)
        if as_json:
            _print_json(shown)
        if wait:
            _judge(started, shown, f" {world.folder.option}" if state else "")


def _judge(build: Build, shown: dict[str, Any], there: str) -> None:
    if shown.get("blocked"):
        raise Refused(f"build {build.number} waits for a person", hint=f"unblock it at {build.url}")
    if shown["state"] != "passed":
        raise Refused(
            f"build {build.number} of {build.pipeline!r} has {shown['state']}",
            hint=f"ship local log {build.number} --pipeline {build.pipeline}{there}",
        )
    _tell(f"build {build.number} of {build.pipeline!r} has passed")


def _progress() -> Callable[[dict[str, Any]], None]:
    """Return what prints one line for each change of a job's state."""
    seen: dict[str, str] = {}

    def look(shown: dict[str, Any]) -> None:
        for job in shown["jobs"]:
            if job["type"] == "script" and seen.get(job["id"]) != job["state"]:
                seen[job["id"]] = job["state"]
                status = f" (exit status {job['exit_status']})" if job.get("exit_status") is not None else ""
                _tell(f"  {_label(job)}: {job['state']}{status}")

    return look


def _label(job: dict[str, Any]) -> str:
    return str(job.get("name") or job.get("step_key") or job.get("command") or job["id"])


@local.command()
@click.argument("number", metavar="BUILD", type=click.IntRange(1))
@click.option("--job", "key", help="The key of a step or the id of a job; default: every job.")
@pipeline_option
@repo_option
@state_option
def log(*, number: int, key: str | None, pipeline: str | None, repo: Path, state: Path | None) -> None:
    """Print the logs of a build's jobs.

    \b
    Example: ship local log 3 --job tests
    """
    from pipeline_gen.shell import LocalShell
    from shipping.local.world.client import Build
    from shipping.local.world.repository import root_of, slug_of

    slug = pipeline or slug_of(root_of(LocalShell(), repo))
    with _world(repo, state) as world:
        found = Build(pipeline=slug, number=number, url=world.url)
        try:
            jobs = world.jobs(found)
        except Refused as error:
            raise UsageError(
                f"cannot find build {number} of {found.pipeline!r}", hint=f"the builds: {world.url}"
            ) from error
        chosen = [job for job in jobs if key is None or key in {job["id"], job.get("step_key")}]
        if not chosen:
            keys = ", ".join(dict.fromkeys(str(job.get("step_key") or job["id"]) for job in jobs)) or "none"
            raise UsageError(
                f"cannot find the job {key!r} in build {number} of {found.pipeline!r}", hint=f"its jobs: {keys}"
            )
        for job in chosen:
            click.echo(f"=== {_label(job)} ({job['state']}, {job['id']})")
            click.echo(world.log(found, job), nl=False)


@contextmanager
def _world(repo: Path, state: Path | None) -> Iterator[World]:
    from shipping.local.world import attached

    with attached(state or _state(repo)) as world:
        yield world


def _state(repo: Path) -> Path:
    from pipeline_gen.shell import LocalShell
    from shipping.local.world.repository import state_of

    return state_of(LocalShell(), repo, os.environ)


def _needs(repo: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the queues and buckets of the repository's configuration; a wrong one must not keep the world down."""
    from pipeline_gen.shell import LocalShell
    from shipping.local.world.repository import needs

    try:
        return needs(LocalShell(), repo)
    except Faults as error:
        _tell(f"left out the queues and buckets of the configuration: {error.message}")
        return (), ()


def _variables(pairs: tuple[str, ...]) -> dict[str, str]:
    wrong = [pair for pair in pairs if not pair.partition("=")[0] or "=" not in pair]
    if wrong:
        raise UsageError(f"cannot use --env {wrong[0]!r}", hint="write --env NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _print_json(facts: dict[str, Any]) -> None:
    click.echo(json.dumps(facts, indent=2))
