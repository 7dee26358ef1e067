"""The whole way: from a checkout to a slug that is published, and the release that names it."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Refused, ShipError
from pipeline_gen.wire import canonical
from shipping.records import process
from shipping.records.process import ProcessType
from shipping.signing import Untrusted
from shipping.slug import fetch, keys, layers
from shipping.slug.manifest import Manifest
from shipping.slug.pack import Package
from shipping.slug.points import nowhere
from shipping.slug.publish import publish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen import config
    from shipping.s3 import Bucket
    from shipping.slug.layers import Product, Workshop
    from shipping.slug.points import At
    from shipping.slug.publish import Placed

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A slug, how it came about, and where it is. ``products`` is empty where an earlier run had built it."""

    manifest: Manifest
    products: tuple[Product, ...]
    placed: tuple[Placed, ...]
    packed: int
    seconds: float

    @property
    def missing(self) -> tuple[Placed, ...]:
        """Return the buckets that do not have the slug."""
        return tuple(place for place in self.placed if place.error is not None)

    def to_json(self) -> dict[str, Any]:
        reused = {product.layer.name for product in self.products if product.reused}
        return {
            "slug": self.manifest.slug,
            "app": self.manifest.app,
            "domain": self.manifest.domain,
            "commit": self.manifest.commit,
            "layers": [
                {**layer.to_json(), "reused": not self.products or layer.name in reused}
                for layer in self.manifest.layers
            ],
            "buckets": [place.to_json() for place in self.placed],
            "bytes": self.manifest.size,
            "packed": self.packed,
            "seconds": round(self.seconds, 3),
        }


def assemble(
    shop: Workshop,
    wanted: Sequence[config.Layer],
    buckets: Sequence[Bucket],
    *,
    commit: str,
    processes: Sequence[config.Process] = (),
    at: At = nowhere,
) -> Assembled:
    """Build what must be built, publish it to every bucket (home first; none: nowhere), and name it in the release of main.

    ``processes`` are what hosts will run of it: the manifest carries them.

    A commit that has its slug already is not built again: buckets that lack it get a copy. Raises what kept it from the home
    bucket; what kept it from another is in ``placed``, for that region's deploy to say and the next publish to mend.
    """
    begun = shop.clock.monotonic()
    earlier = _released(shop, commit)
    if earlier is not None:
        shop.say(f"commit {commit[:12]} has its slug already: {earlier.slug[:12]}")
        placed = _checked(publish(earlier, {}, buckets, signer=shop.signer, at=at))
        return Assembled(manifest=earlier, products=(), placed=placed, packed=0, seconds=shop.clock.monotonic() - begun)
    products = layers.make(shop, wanted)
    at("layers-built")
    manifest = Manifest(
        app=shop.app,
        domain=shop.domain,
        commit=commit,
        layers=tuple(product.layer for product in products),
        processes=process.written(ProcessType(**asdict(one)) for one in processes),
        versions={"ship": version("buildkite-ship"), "system": f"{platform.system()}-{platform.machine()}"},
    )
    packages = {
        product.layer.name: Package(product.layer, shop.root, product.entries)
        for product in products
        if product.entries is not None
    }
    try:
        placed = _checked(publish(manifest, packages, buckets, signer=shop.signer, at=at)) if buckets else ()
        packed = sum(package.packed for package in packages.values())
    finally:
        for package in packages.values():
            package.close()
    at("buckets-complete")
    if buckets and not _record(shop, manifest, products, at=at):
        if _released(shop, commit) is None:
            raise Refused(
                f"cannot release commit {commit[:12]!r} as slug {manifest.slug[:12]!r}: it is released as another, which "
                "no trusted key signed",
                hint="ship a new commit",
            )
        shop.say(f"commit {commit[:12]} was released by another build meanwhile: its slug is taken over")
        return assemble(shop, wanted, buckets, commit=commit, processes=processes, at=at)
    seconds = shop.clock.monotonic() - begun
    return Assembled(manifest=manifest, products=products, placed=placed, packed=packed, seconds=seconds)


def released(home: Bucket, app: str, commit: str) -> str | None:
    """Return the slug that a commit of main is released as."""
    key = keys.release(app, commit)
    stored = home.get(key)
    if stored is None:
        return None
    try:
        return str(json.loads(stored.body)["slug"])
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"cannot use the release record {key!r}: it is truncated or damaged") from error


def _released(shop: Workshop, commit: str) -> Manifest | None:
    if shop.domain != "main" or shop.home is None:
        return None
    slug = released(shop.home, shop.app, commit)
    if slug is None:
        return None
    try:
        return fetch.manifest(shop.home, shop.app, slug, purpose="main", trusted=shop.trusted)
    except Untrusted as error:
        # Our signature would make it trusted, so it is signed only if this checkout makes the very same slug.
        shop.say(f"{error.message}: it is built again")
        return None


def _checked(placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
    """Raise what went wrong at home, and what no retry mends anywhere (Refused, UsageError); let outages elsewhere pass."""
    wrong: list[ShipError] = [place.error for place in placed if place.error is not None]
    if placed[0].error is not None:
        raise placed[0].error
    for error in wrong:
        if error.exit_code != 3:
            raise error
    return placed


def _record(shop: Workshop, manifest: Manifest, products: Sequence[Product], *, at: At) -> bool:
    """Remember the layers by their inputs, and, on main, the slug by its commit: last, as all it names is there now.

    False: another build of the commit, which made other bytes, was first.
    """
    for product in products:
        layers.record(shop, product)
    at("layer-recorded")
    if manifest.domain != "main" or shop.home is None:
        return True
    body = canonical({"schema": SCHEMA, "slug": manifest.slug})
    if not shop.home.create(keys.release(shop.app, manifest.commit), body):
        return False
    at("release-written")
    return True
