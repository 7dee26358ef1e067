"""The hint by which hosts fetch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from shipping.lane import keys
from shipping.memory import MemoryStore
from shipping.records.following import Following
from shipping.release.following import announce
from tests.shipping.release.scene import commit


def hint(position: int) -> Following:
    return Following(commit=commit(position), slug=f"{position:064x}", position=position)


def test_the_newest_release_stays_named_whoever_is_last() -> None:
    """Builds end in any order."""
    store = MemoryStore()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda position: announce(store, "inbox", "us", hint(position)), [3, 9, 1, 7, 9, 2, 8]))

    stored = store.get(keys.following("inbox", "us"))
    assert stored is not None
    assert Following.decode(stored.body, where="there") == hint(9)
    assert announce(store, "inbox", "us", hint(9)) is False
    assert announce(store, "inbox", "us", hint(10)) is True
