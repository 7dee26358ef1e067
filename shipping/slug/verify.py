"""Says whether a slug is whole: in every bucket the manifest, and each blob with the digest it is named by."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import ShipError
from shipping.slug import fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.s3 import Bucket
    from shipping.signing import Trusted
    from shipping.slug.keys import Domain
    from shipping.slug.manifest import Layer, Manifest
    from shipping.slug.unpack import Source

AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One bucket's answer: what is wrong in it (nothing: the slug is whole there), and the manifest if it could be read."""

    bucket: str
    manifest: Manifest | None
    faults: tuple[ShipError, ...]

    def to_json(self) -> dict[str, Any]:
        return {"bucket": self.bucket, "ok": not self.faults, "faults": [fault.message for fault in self.faults]}


def verify(
    buckets: Sequence[Bucket], app: str, slug: str, *, purpose: Domain = "pr", trusted: Trusted | None = None
) -> tuple[Checked, ...]:
    """Read every byte of the slug in every bucket. ``purpose`` main: a slug built by a pull request is a fault.

    Where anybody is ``trusted``, so is one that is not signed for the purpose.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="verify") as pool:
        return tuple(pool.map(lambda bucket: _check(bucket, app, slug, purpose, trusted), buckets))


def _check(bucket: Bucket, app: str, slug: str, purpose: Domain, trusted: Trusted | None) -> Checked:
    try:
        found = fetch.manifest(bucket, app, slug, purpose=purpose, trusted=trusted)
    except ShipError as fault:
        return Checked(bucket=bucket.name, manifest=None, faults=(fault,))
    faults: list[ShipError] = []
    for layer in found.layers:
        faults.extend(_faults(bucket, app, layer))
    return Checked(bucket=bucket.name, manifest=found, faults=tuple(faults))


def _faults(bucket: Bucket, app: str, layer: Layer) -> list[ShipError]:
    try:
        fetch.read(bucket, app, layer, _nothing)
    except ShipError as fault:
        return [fault]
    return []


def _nothing(_source: Source) -> None:
    """Only the digest is wanted, which `read` takes of all that passes."""
