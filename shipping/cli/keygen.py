"""`ship slug keygen`: keys that sign slugs and clearances."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("key", metavar="file:/PATH|kms:KEY")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["main", "pull_request", "clearance"]),
    required=True,
    help="What it will sign.",
)
@click.option("--existing", is_flag=True, help="Make nothing: print the public key of a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def keygen(*, key: str, purpose: str, existing: bool, as_json: bool) -> None:
    """Make a private key in a new file, and print its public key and what to configure. A key of KMS is only asked for.

    \b
    Example: ship slug keygen file:/etc/ship/main.pem --for main
    Example: ship slug keygen kms:alias/slug-main --for main
    Example: ship slug keygen file:/etc/ship/main.pem --for main --existing
    """
    from shipping.aws import kms
    from shipping.signing.opening import open_key
    from shipping.signing.private import FileKey

    kind, _, where = key.partition(":")
    if kind == "file" and where.startswith("/") and not existing:
        public = FileKey.generate(Path(where)).public
    else:
        public = open_key(key, kms=kms.connect).public
    of_host = f"{'pr' if purpose == 'pull_request' else purpose} {public}"
    if as_json:
        click.echo(
            json.dumps({"purpose": purpose, "key": key, "public": str(public), "id": public.id, "host": of_host})
        )
        return
    click.echo(f"public key {public.id}, for {purpose}: {public}")
    click.echo("\nIn .buildkite/shipping.yml:\n")
    click.echo(f'slug:\n  keys:\n    {purpose}: "{key}"\n    public:\n      {purpose}: ["{public}"]')
    click.echo(f"\nOn hosts, a line in their file of public keys:\n\n{of_host}")
