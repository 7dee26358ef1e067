"""Brings a slug to a folder: layers in parallel, digests checked while they are unpacked, the folder renamed at the end."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from pipeline_gen.errors import InfraError, Refused, UsageError
from shipping import signing
from shipping.slug import keys, zstd
from shipping.slug.manifest import Manifest, admit
from shipping.slug.unpack import Damaged, Source, link, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pipeline_gen.ports import Stored
    from shipping.signing import Trusted
    from shipping.slug.keys import Domain
    from shipping.slug.manifest import Layer

AT_ONCE = 4
# What may be used for what: main's slugs are good for everything.
_FOR: Mapping[Domain, tuple[Domain, ...]] = {"main": ("main",), "pr": ("pr", "main")}


class Blobs(Protocol):
    """Where a slug's manifest and layers are read: a bucket, or a machine's own copies before one."""

    @property
    def name(self) -> str: ...

    def get(self, key: str) -> Stored | None: ...

    def open(self, key: str) -> Iterator[bytes] | None: ...


class NoRoom(InfraError):
    """This machine's disk cannot take the slug; the bucket is not to blame."""


def manifest(bucket: Blobs, app: str, slug: str, *, purpose: Domain = "pr", trusted: Trusted | None = None) -> Manifest:
    """Read a slug's manifest; it is for ``purpose``, and signed for it where anybody is ``trusted``.

    Raises Refused where it is missing or not that slug's, where a pull request built what main wants, and Untrusted.
    """
    key = keys.manifest(app, slug)
    stored = bucket.get(key)
    if stored is None:
        raise Refused(f"cannot find slug {slug[:12]!r} of {app!r} in bucket {bucket.name!r}: it has no manifest there")
    said = None
    if trusted is not None:
        # Before a word of it is read: what is not signed is only bytes.
        what = f"the manifest of slug {slug[:12]!r} in bucket {bucket.name!r}"
        said = signing.beside(bucket, key, stored.body, trusted=trusted, app=app, purposes=_FOR[purpose], what=what)
    found = Manifest.decode(stored.body, app=app, slug=slug, where=f"bucket {bucket.name!r}")
    if purpose == "main" and found.domain != "main":
        raise Refused(f"cannot use slug {slug[:12]!r} for 'main': it was built for {found.domain!r}")
    if said is not None and (said.purpose, said.commit) != (found.domain, found.commit):
        raise signing.Untrusted(
            f"cannot trust slug {slug[:12]!r} in bucket {bucket.name!r}: it was built for {found.domain!r} of commit "
            f"{found.commit[:12]!r}, and signed for {said.purpose!r} of {said.commit[:12]!r}"
        )
    return found


def fetch(
    bucket: Blobs,
    app: str,
    slug: str,
    destination: Path,
    *,
    purpose: Domain = "pr",
    trusted: Trusted | None = None,
) -> Manifest:
    """Unpack a slug into a folder that does not exist yet. ``purpose`` main: a slug built by a pull request is refused.

    Where anybody is ``trusted``, its manifest must be signed for the purpose, before a byte of it is fetched.

    Works in `DESTINATION.tmp` and renames it, so that the folder is complete or not there. Raises Refused by name on whatever
    does not match, InfraError where the disk is too small.
    """
    if destination.exists():
        raise UsageError(f"cannot fetch into {str(destination)!r}: it is there already", hint="name a new folder")
    found = manifest(bucket, app, slug, purpose=purpose, trusted=trusted)
    unfinished = destination.with_name(f"{destination.name}.tmp")
    try:
        _emptied(unfinished)
        room(found, unfinished)
        _unpack_all(bucket, found, unfinished)
        unfinished.rename(destination)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise NoRoom(f"could not unpack slug {slug[:12]!r} in {str(destination.parent)!r}: {error}") from error
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return found


def _emptied(folder: Path) -> None:
    """Make the folder; what a killed fetch left in it goes."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def layer(bucket: Blobs, app: str, wanted: Layer, folder: Path) -> None:
    """Unpack one layer into a folder that has none of its paths."""
    _link_all(wanted, app, folder, dict(_unpack(bucket, app, wanted, folder)))


def room(found: Manifest, folder: Path) -> None:
    """Raise InfraError where the disk has no room for the slug: better before than in the middle."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    # Headers count for little; folders and the last block of each file for about as much.
    if free < found.size:
        raise NoRoom(
            f"could not unpack slug {found.slug[:12]!r} in {str(folder.parent)!r}: "
            f"it needs {found.size / 1e6:.0f} MB, {free / 1e6:.0f} MB are free"
        )
    if disk.f_files and disk.f_favail < found.files:
        raise NoRoom(
            f"could not unpack slug {found.slug[:12]!r} in {str(folder.parent)!r}: "
            f"it has {found.files} files, {disk.f_favail} inodes are free"
        )


def read(bucket: Blobs, app: str, wanted: Layer, use: Callable[[Source], None]) -> None:
    """Hand a layer's uncompressed stream to ``use``, then check its digest. Raises Refused naming layer and blob."""
    key = wanted.blob(app)
    named = f"layer {wanted.name!r} (blob {key!r} in bucket {bucket.name!r})"
    chunks = bucket.open(key)
    if chunks is None:
        raise Refused(f"cannot find {named}", hint="publish the slug again: retry its job")
    try:
        source = Source(zstd.decompress(chunks), wanted.size)
        use(source)
        digest = source.finish()
    except Damaged as error:
        raise Refused(f"cannot use {named}: {error}") from error
    finally:
        _close(chunks)
    if digest != wanted.digest:
        raise Refused(f"cannot use {named}: its digest is {digest[:12]!r}, the manifest says {wanted.digest[:12]!r}")


def _close(chunks: Iterator[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()


def _unpack_all(bucket: Blobs, found: Manifest, folder: Path) -> None:
    for wanted in found.layers:
        admit(wanted, found.domain)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch") as pool:
        jobs = [(wanted, pool.submit(_unpack, bucket, found.app, wanted, folder)) for wanted in found.layers]
        links = [(wanted, job.result()) for wanted, job in jobs]
    everything = {path: target for _, some in links for path, target in some}
    for wanted, some in links:
        _link_all(wanted, found.app, folder, dict(some), others=set(everything))


def _unpack(bucket: Blobs, app: str, wanted: Layer, folder: Path) -> list[tuple[str, str]]:
    links: list[tuple[str, str]] = []
    read(bucket, app, wanted, lambda source: links.extend(unpack(source, str(folder))))
    return links


def _link_all(wanted: Layer, app: str, folder: Path, links: dict[str, str], others: set[str] | None = None) -> None:
    for path, target in links.items():
        try:
            link(str(folder), path, target, set(links) if others is None else others)
        except Damaged as error:
            raise Refused(f"cannot use layer {wanted.name!r} (blob {wanted.blob(app)!r}): {error}") from error
