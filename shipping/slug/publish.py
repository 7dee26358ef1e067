"""Puts a slug into its buckets, all at once and each on its own: blobs first, then the manifest that names them."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import InfraError, Refused, ShipError
from shipping.slug import zstd
from shipping.slug.manifest import Manifest, admit
from shipping.slug.unpack import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from shipping.s3 import Bucket
    from shipping.signing import Signer
    from shipping.slug.manifest import Layer
    from shipping.slug.pack import Package
    from shipping.slug.points import At


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What became of the slug in one bucket: blobs and bytes sent, and the error that kept it from being whole there."""

    bucket: str
    blobs: int
    sent: int
    error: ShipError | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "bucket": self.bucket,
            "blobs": self.blobs,
            "bytes": self.sent,
            "error": self.error.message if self.error else None,
        }


def publish(
    manifest: Manifest,
    packages: Mapping[str, Package],
    buckets: Sequence[Bucket],
    *,
    signer: Signer | None = None,
    at: At,
) -> tuple[Placed, ...]:
    """Bring the slug into each bucket, the first of which is home. One that fails does not keep the others from it.

    Where there is a ``signer``, each bucket's manifest gets its signature beside it.

    ``packages`` holds, by layer name, what this checkout can pack; other layers, and none need be packed, are copied from a
    bucket that has them.
    """
    for layer in manifest.layers:
        admit(layer, manifest.domain)
    if signer is not None and (signer.app, signer.purpose) != (manifest.app, manifest.domain):
        raise Refused(
            f"cannot sign a slug of {manifest.app!r} for {manifest.domain!r}: the key is for {signer.purpose!r}"
        )
    with ThreadPoolExecutor(len(buckets), thread_name_prefix="publish") as pool:
        return tuple(
            pool.map(lambda bucket: _Placing(manifest, packages, bucket, buckets, signer, at).run(), buckets),
        )


class _Placing:
    """The way of the slug into one bucket."""

    def __init__(
        self,
        manifest: Manifest,
        packages: Mapping[str, Package],
        bucket: Bucket,
        buckets: Sequence[Bucket],
        signer: Signer | None,
        at: At,
    ) -> None:
        self.manifest = manifest
        self.packages = packages
        self.bucket = bucket
        self.others = [other for other in buckets if other is not bucket]
        self.signer = signer
        self.at = at
        self.blobs = 0
        self.sent = 0

    def run(self) -> Placed:
        error: ShipError | None = None
        try:
            for layer in self.manifest.layers:
                self._blob(layer)
            self.at("blobs-complete")
            there, body = self._manifest()
            self.at("manifest-written")
            if self.signer is not None:
                self.signer.place(self.bucket, there.key, body, commit=there.commit)
            self.at("signature-written")
        except ShipError as failed:
            error = failed
        return Placed(bucket=self.bucket.name, blobs=self.blobs, sent=self.sent, error=error)

    def _blob(self, layer: Layer) -> None:
        key = layer.blob(self.manifest.app)
        if self.bucket.size(key) is not None:
            return
        counted = _Counted(self._source(layer, key), lambda: self.at("blob-started"))
        if self.bucket.put_stream(key, counted.chunks):
            self.blobs += 1
            self.sent += counted.passed
        self.at("blob-sent")

    def _source(self, layer: Layer, key: str) -> Callable[[], Iterable[bytes]]:
        """Return what makes the blob: this checkout, or another bucket's copy, checked on its way."""
        package = self.packages.get(layer.name)
        if package is not None:
            return package.chunks
        for other in self.others:
            if other.size(key) is not None:
                return lambda other=other: copied(other, key, layer)  # type: ignore[misc]
        raise Refused(
            f"cannot publish layer {layer.name!r}: no bucket has its blob {key!r}, and it was not built here",
            hint="retry the job: a layer whose bytes are gone is built again",
        )

    def _manifest(self) -> tuple[Manifest, bytes]:
        """Create the manifest; return what is there now, and its bytes.

        One that was there already names the same content, perhaps from an earlier commit: its bytes are what is signed.
        """
        body = self.manifest.encode()
        if self.bucket.create(self.manifest.key, body):
            return self.manifest, body
        where = f"bucket {self.bucket.name!r}"
        stored = self.bucket.get(self.manifest.key)
        if stored is None:
            raise InfraError(f"could not write the manifest {self.manifest.key!r} in {where}: it was deleted meanwhile")
        there = Manifest.decode(stored.body, app=self.manifest.app, slug=self.manifest.slug, where=where)
        # The slug's id names layers by their digests; what else a manifest says of them must be true before it is signed.
        for ours, theirs in zip(self.manifest.layers, there.layers, strict=True):
            if (ours.size, ours.files) != (theirs.size, theirs.files):
                raise Refused(
                    f"cannot publish slug {there.slug[:12]!r}: its manifest in {where} says {theirs.size} bytes in "
                    f"{theirs.files} files of layer {ours.name!r}, which has {ours.size} in {ours.files}"
                )
        return there, stored.body


class _Counted:
    """A source that counts the bytes of its last pass, and tells when the first of them passed."""

    def __init__(self, source: Callable[[], Iterable[bytes]], begun: Callable[[], None]) -> None:
        self._source = source
        self._begun = begun
        self.passed = 0

    def chunks(self) -> Iterator[bytes]:
        self.passed = 0
        for chunk in self._source():
            if not self.passed:
                self._begun()
            self.passed += len(chunk)
            yield chunk


def copied(bucket: Bucket, key: str, layer: Layer) -> Iterator[bytes]:
    """Yield another bucket's blob; raise Refused at its end if it is not what its name says: copies never spread damage."""
    chunks = bucket.open(key)
    if chunks is None:
        raise Refused(f"cannot copy {key!r}: it is gone from bucket {bucket.name!r}")
    passing: list[bytes] = []
    digest = hashlib.sha256()

    def tee() -> Iterator[bytes]:
        for chunk in chunks:
            passing.append(chunk)
            yield chunk

    try:
        for piece in zstd.decompress(tee()):
            digest.update(piece)
            yield from passing
            passing.clear()
    except Damaged as error:
        raise Refused(f"cannot copy {key!r} from bucket {bucket.name!r}: {error}") from error
    yield from passing
    if digest.hexdigest() != layer.digest:
        raise Refused(f"cannot copy {key!r} from bucket {bucket.name!r}: its digest is {digest.hexdigest()[:12]!r}")
