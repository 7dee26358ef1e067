"""Makes the layers of a slug in a checkout: finds those that were made before, builds the others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import Refused, UsageError
from shipping import signing
from shipping.slug import archive, fetch, inputs, keys
from shipping.slug.manifest import Layer, admit
from shipping.slug.tree import covers, expand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pipeline_gen import config
    from pipeline_gen.clock import Clock
    from pipeline_gen.shell import Shell
    from shipping.s3 import Bucket
    from shipping.signing import Signer, Trusted
    from shipping.slug.keys import Domain
    from shipping.slug.tree import Entry

SCHEMA = 1
# A layer is of its inputs, not of a commit.
NO_COMMIT = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where layers are made, and for what. ``home`` is None where nothing can be looked up.

    ``run`` runs a layer's command in ``root``, its output going where people look; it returns the exit status and raises
    InfraError where there is no such program. ``signer`` signs what is published, and what is found there already must be
    signed by who is ``trusted`` (None: signatures are not used).
    """

    app: str
    domain: Domain
    root: Path
    home: Bucket | None
    shell: Shell
    clock: Clock
    say: Callable[[str], None]
    run: Callable[[Sequence[str]], int]
    signer: Signer | None = None
    trusted: Trusted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A layer that exists: in the checkout (``entries``), or, found by its inputs, in the home bucket (None)."""

    layer: Layer
    inputs: str | None
    entries: tuple[Entry, ...] | None
    seconds: float

    @property
    def reused(self) -> bool:
        return self.entries is None


def make(shop: Workshop, wanted: Sequence[config.Layer]) -> tuple[Product, ...]:
    """Return every layer, in order. Raises Refused where one cannot be built, or a path would be in two."""
    made: list[Product] = []
    for number, layer in enumerate(wanted):
        begun = shop.clock.monotonic()
        digest = inputs.digest(layer, shop.root, shop.shell)
        found = _known(shop, layer, digest)
        if found is not None:
            shop.say(f"layer {layer.name}: its inputs are unchanged, {found.digest[:12]} is reused")
            if any(later.run for later in wanted[number + 1 :]):
                _materialise(shop, layer, found)
            entries = None
        else:
            entries = _build(shop, layer)
            _apart(layer, entries, wanted)
            measured = archive.measure(shop.root, entries)
            found = Layer(
                name=layer.name,
                domain=shop.domain,
                digest=measured.digest,
                size=measured.size,
                files=measured.files,
            )
            shop.say(f"layer {layer.name}: {found.files} files, {found.size / 1e6:.1f} MB, {found.digest[:12]}")
        made.append(Product(layer=found, inputs=digest, entries=entries, seconds=shop.clock.monotonic() - begun))
    return tuple(made)


def record(shop: Workshop, product: Product) -> None:
    """Remember which layer these inputs make, for the builds that follow. The first to say so is believed."""
    if product.inputs is None or product.entries is None or shop.home is None:
        return
    body = json.dumps({"schema": SCHEMA, **product.layer.to_json()}, sort_keys=True).encode()
    key = keys.layer(shop.app, shop.domain, product.layer.name, product.inputs)
    if shop.home.create(key, body):
        if shop.signer is not None:
            shop.signer.place(shop.home, key, _signed(key, body), commit=NO_COMMIT)
    else:
        shop.say(
            f"layer {product.layer.name}: another build made other bytes of the same inputs; "
            "that one is reused from now on (is its run deterministic?)"
        )


def _known(shop: Workshop, layer: config.Layer, digest: str | None) -> Layer | None:
    """Return the layer that was made from these inputs, if its bytes are there still. A pull request may use main's."""
    if digest is None or shop.home is None:
        return None
    domains: tuple[Domain, ...] = ("main",) if shop.domain == "main" else ("pr", "main")
    for domain in domains:
        key = keys.layer(shop.app, domain, layer.name, digest)
        stored = shop.home.get(key)
        if stored is None:
            continue
        if not _trusted(shop, layer, key, stored.body, domain):
            continue
        found = _decoded(stored.body, key)
        admit(found, shop.domain)
        if shop.home.size(found.blob(shop.app)) is not None:
            return found
        shop.say(f"layer {layer.name}: {found.digest[:12]} is recorded, but its bytes are gone: it is built again")
    return None


def _signed(key: str, body: bytes) -> bytes:
    """Return what is signed of a record. It does not name its inputs, so its key belongs to it: moved, it is another's."""
    return key.encode() + b"\n" + body


def _trusted(shop: Workshop, layer: config.Layer, key: str, body: bytes, domain: Domain) -> bool:
    """Tell whether a record may be believed. One that may not costs a build, never a slug."""
    if shop.trusted is None or shop.home is None:
        return True
    what = f"the record of layer {layer.name!r}"
    signed = _signed(key, body)
    try:
        signing.beside(
            shop.home, key, signed, trusted=shop.trusted, app=shop.app, purposes=(domain,), commit=NO_COMMIT, what=what
        )
    except signing.Untrusted as error:
        shop.say(f"{error.message}: it is built again")
        return False
    return True


def _decoded(body: bytes, key: str) -> Layer:
    try:
        data = json.loads(body)
        if int(data["schema"]) > SCHEMA:
            raise UsageError(
                f"cannot read {key!r}: it has schema {data['schema']}, this ship knows up to {SCHEMA}",
                hint="update ship on this agent",
            )
        return Layer.from_json(data)
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"cannot use the layer record {key!r}: it is truncated or damaged") from error


def _build(shop: Workshop, layer: config.Layer) -> tuple[Entry, ...]:
    if layer.run:
        shop.say(f"layer {layer.name}: {' '.join(layer.run)}")
        _run(shop, layer)
    entries: dict[str, Entry] = {}
    for pattern in layer.keep:
        found = expand(shop.root, [pattern])
        if not found:
            raise Refused(
                f"cannot build layer {layer.name!r}: there is nothing at {pattern!r}, which it keeps",
                hint=f"correct slug/layers/{layer.name}/keep in .buildkite/shipping.yml, or the command that makes it",
            )
        entries.update((entry.path, entry) for entry in found)
    return expand(shop.root, layer.keep) if len(layer.keep) > 1 else tuple(entries.values())


def _run(shop: Workshop, layer: config.Layer) -> None:
    code = shop.run(layer.run)
    if code != 0:
        raise Refused(f"cannot build layer {layer.name!r}: {layer.run[0]!r} ended with {code}")


def _apart(layer: config.Layer, entries: tuple[Entry, ...], wanted: Sequence[config.Layer]) -> None:
    """Refuse a path that another layer keeps too, by that layer's patterns: its files need not be here."""
    for other in wanted:
        if other.name == layer.name:
            continue
        twice = next((entry.path for entry in entries if covers(other.keep, entry.path)), None)
        if twice is not None:
            raise Refused(
                f"cannot build the slug: {twice!r} is in two layers, {layer.name!r} and {other.name!r}",
                hint="let only one of them keep it: slug/layers in .buildkite/shipping.yml",
            )


def _materialise(shop: Workshop, layer: config.Layer, found: Layer) -> None:
    """Put a reused layer into the checkout, for the commands of the layers after it."""
    present = expand(shop.root, layer.keep)
    if not present:
        if shop.home is not None:
            fetch.layer(shop.home, shop.app, found, shop.root)
        return
    if archive.measure(shop.root, present).digest != found.digest:
        # What is here is of another time; whose it is we do not know, so it is mended by its own command, never deleted.
        shop.say(f"layer {layer.name}: what lies at {', '.join(layer.keep)} is not it: its command is run again")
        _run(shop, layer)
