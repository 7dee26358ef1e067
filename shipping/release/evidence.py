"""What a deploy demands before it believes anybody: the clearance of this very release, a slug of main, nothing newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.config import from_resolved
from pipeline_gen.errors import Refused
from shipping.lane import keys
from shipping.slug import clearances, fetch

if TYPE_CHECKING:
    from pipeline_gen.ports import Store
    from shipping.records.clearance import Clearance
    from shipping.s3 import Bucket
    from shipping.signing import Trusted


def demand(bucket: Bucket, app: str, commit: str, *, trusted: Trusted | None = None) -> Clearance:
    """Return the clearance of a commit. Raises Refused by name where it has none, or its slug is not there for main.

    ``trusted`` are the public keys that this machine, or its pipeline's settings, know of: never those of a record.
    """
    found = clearances.read(bucket, app, commit, trusted=trusted)
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
    # Its id is the digest of what it names, so that whatever is read under it later is this.
    fetch.manifest(bucket, app, found.slug, purpose="main", trusted=trusted)
    return found


def newer(store: Store, than: Clearance, *, trusted: Trusted | None = None) -> Clearance | None:
    """Return the newest clearance, where there is one of a later position. What lists it is a hint; what is read counts."""
    for key in store.list(keys.cleared(than.app)):
        try:
            found = clearances.read(store, than.app, key.rpartition("-")[2], trusted=trusted)
        except Refused:
            continue  # unsigned or damaged: it will not be deployed, so it supersedes nothing
        if found is not None:
            return found if found.position > than.position else None
    return None
