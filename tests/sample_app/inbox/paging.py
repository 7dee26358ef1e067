"""Pages through a list by key, newest first: a cursor names the last item seen, so that new items shift nothing."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

DEFAULT_SIZE = 20
LARGEST_SIZE = 100
_LONGEST_KEY = 19  # as text; what fits into SQLite's 64 bits


class BadCursor(ValueError):
    """The cursor was not made by `encode`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A page of items and the cursor of the next one, None on the last."""

    items: tuple[T, ...]
    next: str | None


def encode(key: int) -> str:
    """Return the cursor for the item with this key."""
    return base64.urlsafe_b64encode(f"k{key}".encode()).decode().rstrip("=")


def decode(cursor: str) -> int:
    """Return the key inside the cursor. Raises BadCursor."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise BadCursor(f"cannot read the cursor {cursor!r}") from error
    if not text.startswith("k") or not text[1:].isdecimal() or len(text) > _LONGEST_KEY:
        raise BadCursor(f"cannot read the cursor {cursor!r}")
    return int(text[1:])


def size(wanted: str | None) -> int:
    """Return how many items a page has: what was asked for, within bounds, or the default."""
    if wanted is None or not wanted.isdecimal():
        return DEFAULT_SIZE
    return max(1, min(int(wanted), LARGEST_SIZE))


def cut(items: Sequence[T], limit: int, key: Callable[[T], int]) -> Page[T]:
    """Make a page of at most ``limit`` out of ``limit + 1`` items that were fetched: the one too many says there is more."""
    shown = tuple(items[:limit])
    return Page(items=shown, next=encode(key(shown[-1])) if len(items) > limit else None)
