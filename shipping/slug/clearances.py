"""Whether a release may run in production: its clearance, signed where anybody is trusted. Deploys and hosts demand it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pipeline_gen.errors import Refused
from shipping import signing
from shipping.lane import keys
from shipping.records.clearance import Clearance

if TYPE_CHECKING:
    from pipeline_gen.ports import Stored
    from shipping.signing import Trusted


class Reads(Protocol):
    """Where clearances lie."""

    def get(self, key: str) -> Stored | None: ...


def read(store: Reads, app: str, commit: str, *, trusted: Trusted | None = None) -> Clearance | None:
    """Return the clearance of a commit, None where it has none. Raises Untrusted where no trusted key signed it, Refused."""
    key = keys.clearance(app, commit)
    stored = store.get(key)
    if stored is None:
        return None
    if trusted is not None:
        # Before a word of it is read: what is not signed is only bytes.
        signing.beside(
            store, key, stored.body, trusted=trusted, app=app, purposes=("clearance",), commit=commit, what=repr(key)
        )
    return Clearance.decode(stored.body, app=app, commit=commit, where=key)


def admit(store: Reads, app: str, commit: str, slug: str, *, trusted: Trusted | None = None) -> None:
    """Raise Refused unless this commit is cleared, and as this very slug. A lane that says more is not believed."""
    found = read(store, app, commit, trusted=trusted)
    if found is None:
        raise Refused(f"cannot run {commit[:12]!r} of {app!r}: it has no clearance")
    if found.slug != slug:
        raise Refused(
            f"cannot run {commit[:12]!r} of {app!r} as slug {slug[:12]!r}: it is cleared as slug {found.slug[:12]!r}"
        )
