"""What a deploy demands before it believes anybody: the clearance of this very release, a slug of main, nothing newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.config import from_resolved
from pipeline_gen.errors import Refused
from shipping.lane import keys
from shipping.records import signature
from shipping.records.clearance import Clearance
from shipping.signing import Untrusted, verify
from shipping.slug import fetch
from shipping.slug import keys as slugs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen.ports import Store
    from shipping.records.signature import Purpose
    from shipping.s3 import Bucket
    from shipping.signing import Trusted


def demand(bucket: Bucket, app: str, commit: str, *, trusted: Trusted | None = None) -> Clearance:
    """Return the clearance of a commit. Raises Refused by name where it has none, or its slug is not there for main.

    ``trusted`` are the public keys that this machine, or its pipeline's settings, know of: never those of a record.
    """
    found = cleared(bucket, app, commit, trusted=trusted)
    if found is None:
        raise Refused(
            f"cannot deploy {commit[:12]!r} of {app!r}: it has no clearance in bucket {bucket.name!r}",
            hint="retry the step 'conclude' of the commit's build, which says what it lacks",
        )
    slug = from_resolved(found.config).slug
    if trusted is None and slug is not None and slug.keys is not None:
        raise Refused(
            f"cannot deploy {commit[:12]!r} of {app!r}: its configuration has keys, and this job knows none to verify with",
            hint="ship buildkite sync, which writes the public keys into the pipeline's first step",
        )
    manifest = fetch.manifest(bucket, app, found.slug)
    if manifest.domain != "main":
        raise Refused(f"cannot deploy slug {found.slug[:12]!r} of {app!r}: it was built for {manifest.domain!r}")
    if trusted is not None:
        # Its id is the digest of what it names, so that whatever is read under it later is this.
        key = slugs.manifest(app, found.slug)
        stored = bucket.get(key)
        _verify(bucket, key, b"" if stored is None else stored.body, trusted, app, ("main",))
    return found


def cleared(store: Store, app: str, commit: str, *, trusted: Trusted | None = None) -> Clearance | None:
    """Return the clearance of a commit, None where it has none. Raises Untrusted where no trusted key signed it."""
    key = keys.clearance(app, commit)
    stored = store.get(key)
    if stored is None:
        return None
    if trusted is not None:
        _verify(store, key, stored.body, trusted, app, ("clearance",), commit)
    return Clearance.decode(stored.body, app=app, commit=commit, where=key)


def newer(store: Store, than: Clearance, *, trusted: Trusted | None = None) -> Clearance | None:
    """Return the newest clearance, where there is one of a later position. What lists it is a hint; what is read counts."""
    for key in store.list(keys.cleared(than.app)):
        try:
            found = cleared(store, than.app, key.rpartition("-")[2], trusted=trusted)
        except Untrusted:
            continue  # it will not be deployed, so it supersedes nothing
        if found is not None:
            return found if found.position > than.position else None
    return None


def _verify(
    store: Store,
    key: str,
    body: bytes,
    trusted: Trusted,
    app: str,
    purposes: Sequence[Purpose],
    commit: str | None = None,
) -> None:
    beside = store.get(signature.key(key))
    verify(
        body,
        None if beside is None else beside.body,
        trusted=trusted,
        app=app,
        purposes=purposes,
        commit=commit,
        what=repr(key),
    )
