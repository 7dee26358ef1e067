"""What a deploy demands before it believes anybody: the clearance of this very release, a slug of main, nothing newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.errors import Refused
from shipping.lane import keys
from shipping.records.clearance import Clearance
from shipping.slug import fetch

if TYPE_CHECKING:
    from pipeline_gen.ports import Store
    from shipping.s3 import Bucket


def demand(bucket: Bucket, app: str, commit: str) -> Clearance:
    """Return the clearance of a commit. Raises Refused by name where it has none, or its slug is not there for main."""
    found = cleared(bucket, app, commit)
    if found is None:
        raise Refused(
            f"cannot deploy {commit[:12]!r} of {app!r}: it has no clearance in bucket {bucket.name!r}",
            hint="retry the step 'conclude' of the commit's build, which says what it lacks",
        )
    manifest = fetch.manifest(bucket, app, found.slug)
    if manifest.domain != "main":
        raise Refused(f"cannot deploy slug {found.slug[:12]!r} of {app!r}: it was built for {manifest.domain!r}")
    return found


def cleared(store: Store, app: str, commit: str) -> Clearance | None:
    """Return the clearance of a commit, None where it has none."""
    key = keys.clearance(app, commit)
    stored = store.get(key)
    return None if stored is None else Clearance.decode(stored.body, app=app, commit=commit, where=key)


def newer(store: Store, than: Clearance) -> Clearance | None:
    """Return the newest clearance, where there is one of a later position. What lists it is a hint; what is read counts."""
    prefix = keys.cleared(than.app)
    for key in store.list(prefix):
        found = cleared(store, than.app, key.rpartition("-")[2])
        if found is not None:
            return found if found.position > than.position else None
    return None
