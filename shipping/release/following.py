"""Says what hosts may fetch beforehand: the newest release that is published. A hint, which nobody runs anything by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.lane import keys
from shipping.records.following import Following

if TYPE_CHECKING:
    from pipeline_gen.ports import VersionedStore


def announce(store: VersionedStore, app: str, environment: str, hint: Following) -> bool:
    """Name the release, unless a newer one, or this one, is named; return whether it is named by us."""
    key = keys.following(app, environment)
    while True:
        stored = store.get(key)
        if stored is not None and Following.decode(stored.body, where=key).position >= hint.position:
            return False
        version = None if stored is None else stored.version
        if store.replace(key, hint.encode(), version=version) is not None:
            return True
