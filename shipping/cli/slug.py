"""`ship slug`: build, verify and fetch the deployable, and make the keys that sign it."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline_gen.errors import InfraError, Refused, UsageError
from shipping.cli.keygen import keygen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from pipeline_gen.config import Config
    from shipping.s3 import Bucket
    from shipping.signing import Trusted
    from shipping.slug.keys import Domain

app_option = click.option(
    "--app", help="Which app, where the repository has several; needs no configuration with --bucket."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
purpose_option = click.option(
    "--for",
    "purpose",
    type=click.Choice(["main", "pr"]),
    default="pr",
    show_default=True,
    help="What it is wanted for; main refuses slugs that pull requests built.",
)


keys_option = click.option(
    "--keys",
    "keys_file",
    type=click.Path(path_type=Path),
    help="A file of public keys, lines of PURPOSE KEY. Default: those of the configuration.",
)


@click.group()
def slug() -> None:
    """Build, verify and fetch the deployable; make keys that sign it.

    \b
    Example: ship slug build --dry-run
    """


slug.add_command(keygen)


@slug.command()
@app_option
@click.option(
    "--domain",
    type=click.Choice(["main", "pr"]),
    default="pr",
    show_default=True,
    help="Whom the slug is for; main's may be released.",
)
@click.option("--dry-run", is_flag=True, help="Build and hash, ask and send nothing.")
@json_option
def build(*, app: str | None, domain: Domain, dry_run: bool, as_json: bool) -> None:
    """Build the slug of the commit you stand on, and publish it to the configured buckets.

    \b
    Example: ship slug build --dry-run
    Example: ship slug build --domain pr --json
    """
    from contextlib import ExitStack

    from pipeline_gen.clock import SystemClock
    from pipeline_gen.git import Git
    from pipeline_gen.shell import LocalShell
    from shipping.jobs import keys
    from shipping.jobs.slug import summary
    from shipping.slug.assembly import assemble
    from shipping.slug.layers import Workshop

    config = _config(app)
    if config.slug is None:
        raise UsageError(f"cannot build a slug of {config.app!r}: its configuration has no 'slug'")
    shell, root = LocalShell(), Path.cwd()
    git = Git(shell, root)
    commit, dirty = git.head(), git.dirty()
    if dirty:
        click.echo(f"{len(dirty)} uncommitted changes: the slug is not commit {commit[:12]}'s", err=True)
    if dirty and domain == "main" and not dry_run:
        raise Refused(
            f"cannot publish for 'main': the working tree has uncommitted changes, such as {dirty[0]!r}",
            hint="commit them, or: ship slug build --domain pr",
        )
    signer = None if dry_run else keys.signer(config, domain)
    with ExitStack() as stack:
        buckets = [] if dry_run else _open(stack, config.slug_buckets)
        shop = Workshop(
            app=config.app,
            domain=domain,
            root=root,
            home=buckets[0] if buckets else None,
            shell=shell,
            clock=SystemClock(),
            say=lambda line: click.echo(line, err=True),
            run=partial(_command, root),
            signer=signer,
            trusted=keys.trusted(config),
        )
        done = assemble(shop, config.slug.layers, buckets, commit=commit, processes=config.processes)
    click.echo(json.dumps(done.to_json(), indent=2) if as_json else summary(done))
    for place in done.missing:
        click.echo(f"missing in bucket {place.bucket!r}: {place.error}", err=True)


@slug.command()
@click.argument("name", metavar="SLUG|COMMIT")
@app_option
@click.option(
    "--bucket", "names", multiple=True, help="A bucket to look in; may be repeated. Default: the configured ones."
)
@purpose_option
@keys_option
@json_option
def verify(
    *, name: str, app: str | None, names: tuple[str, ...], purpose: Domain, keys_file: Path | None, as_json: bool
) -> int:
    """Read every byte of a slug in every bucket, and say whether it is whole. Exit status 1: it is not.

    With keys, its signature is verified too.

    \b
    Example: ship slug verify 8891034fc6b365773ca407fa547cf0570e5a05e4f92f644a6d390d0a1fcb7088
    Example: ship slug verify "$(git rev-parse HEAD)" --for main
    """
    from contextlib import ExitStack

    from shipping.signing import Untrusted
    from shipping.slug.verify import verify as check

    app, names, trusted = _where(app, names, keys_file)
    with ExitStack() as stack:
        buckets = _open(stack, names)
        slug_id = _resolve(buckets[0], app, name)
        checked = check(buckets, app, slug_id, purpose=purpose, trusted=trusted)
    if as_json:
        facts = {"slug": slug_id, "signed": trusted is not None, "buckets": [one.to_json() for one in checked]}
        click.echo(json.dumps(facts, indent=2))
    else:
        for one in checked:
            good = "whole" if trusted is None else "whole and signed"
            bad = "not trusted" if any(isinstance(fault, Untrusted) for fault in one.faults) else "not whole"
            click.echo(f"{one.bucket}: {bad if one.faults else good}")
            for fault in one.faults:
                click.echo(f"  {fault.message}")
    return max((fault.exit_code for one in checked for fault in one.faults), default=0)


@slug.command()
@click.argument("name", metavar="SLUG|COMMIT")
@click.argument("folder", type=click.Path(path_type=Path))
@app_option
@click.option("--bucket", help="The bucket to fetch from. Default: the home bucket of the configuration.")
@purpose_option
@keys_option
@json_option
def fetch(
    *,
    name: str,
    folder: Path,
    app: str | None,
    bucket: str | None,
    purpose: Domain,
    keys_file: Path | None,
    as_json: bool,
) -> None:
    """Unpack a slug into a new FOLDER, every digest checked; the folder is complete or not there.

    With keys, its signature is verified first.

    \b
    Example: ship slug fetch "$(git rev-parse HEAD)" /srv/inbox/next --for main
    Example: ship slug fetch --app inbox --bucket acme-ship-us 8891034fc6b3... out
    """
    import time
    from contextlib import ExitStack

    from shipping.slug.fetch import fetch as bring

    app, names, trusted = _where(app, (bucket,) if bucket else (), keys_file)
    begun = time.monotonic()
    with ExitStack() as stack:
        [opened] = _open(stack, names[:1])
        found = bring(opened, app, _resolve(opened, app, name), folder, purpose=purpose, trusted=trusted)
    seconds = time.monotonic() - begun
    if as_json:
        facts = {"slug": found.slug, "folder": str(folder), "files": found.files, "bytes": found.size}
        click.echo(json.dumps({**facts, "seconds": round(seconds, 3)}))
    else:
        click.echo(f"{folder}: slug {found.slug[:12]}; {found.files} files, {found.size / 1e6:.1f} MB; {seconds:.1f} s")


def _command(root: Path, argv: Sequence[str]) -> int:
    """Run a layer's command in the terminal; what it prints goes to standard error, for ours is the answer."""
    import subprocess

    try:
        return subprocess.run(argv, cwd=root, stdout=2, check=False).returncode
    except OSError as error:
        raise InfraError(f"cannot run {argv[0]!r}: {error.strerror}") from error


def _config(app: str | None) -> Config:
    from pipeline_gen.config import find, load

    return load(find(Path.cwd(), app))


def _where(
    app: str | None, names: tuple[str, ...], keys_file: Path | None
) -> tuple[str, tuple[str, ...], Trusted | None]:
    """Return app, buckets and public keys as given, or as configured: a host has no configuration, people do not spell it."""
    from shipping.jobs import keys
    from shipping.signing import Trusted

    given = None if keys_file is None else Trusted.read(keys_file)
    if app and names:
        return app, names, given
    config = _config(app)
    found = names or config.slug_buckets
    if not found:
        raise UsageError(
            f"cannot look for slugs of {config.app!r}: its configuration names no bucket", hint="--bucket NAME"
        )
    return config.app, found, given or keys.trusted(config)


def _open(stack: ExitStack, names: tuple[str, ...]) -> list[Bucket]:
    from shipping.s3 import connect

    return [stack.enter_context(connect(name)) for name in names]


def _resolve(home: Bucket, app: str, name: str) -> str:
    """Return the slug's id for an id or a commit of main; the two differ in length."""
    from shipping.slug.assembly import released

    if re.fullmatch(r"[0-9a-f]{64}", name):
        return name
    if not re.fullmatch(r"[0-9a-f]{40}", name):
        raise UsageError(
            f"cannot find {name!r}: it is neither a slug's id (64 hex digits) nor a full commit (40)",
            hint=f'ship slug verify "$(git rev-parse {name})"',
        )
    found = released(home, app, name)
    if found is None:
        raise Refused(f"cannot find a slug of commit {name[:12]!r} of {app!r}: it was not released from {home.name!r}")
    return found
