"""Which releases a host may drop. Pure, and never by the times of files: a copied or restored disk has others."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shipping.host.memory import Memory

# A rollback goes to what ran 20 minutes before the onset: at 20 deploys an hour that is seven releases back, and the onset may
# lie a while back itself. Five, which is what others keep, would not reach it.
SECONDS = 60 * 60
RELEASES = 12
GOOD = 2
WATCHED = 10 * 60
"""Seconds that a release must have served here to be one of the good ones."""


def droppable(kept: Iterable[str], memory: Memory, *, pinned: frozenset[str], now: float) -> list[str]:
    """Return the slugs of ``kept`` that may go, the longest unused first.

    ``pinned``: those that have a living process, and those that are wanted now or next. What serves and what served before it
    stay whatever happens, as do the last `RELEASES`, the last `GOOD` good ones, and all that served in the last `SECONDS`.
    """
    newest = list(dict.fromkeys(one.slug for one in reversed(memory.former)))
    stay = set(pinned) | set(newest[:RELEASES])
    if memory.runs is not None:
        stay.add(memory.runs.slug)
    served: dict[str, float] = {}
    for one in memory.former:
        served[one.slug] = max(served.get(one.slug, 0.0), one.served)
        if now - one.until < SECONDS:
            stay.add(one.slug)
    stay |= set(islice((slug for slug in newest if served[slug] >= WATCHED), GOOD))
    order = {slug: number for number, slug in enumerate(newest)}
    # Never used, and wanted no more: first of all.
    return sorted((slug for slug in kept if slug not in stay), key=lambda slug: -order.get(slug, len(order)))
