"""Where what is known of a release lies in the home bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline_gen.ports import Store


def verdicts(app: str, commit: str, gate: str) -> str:
    """Return the prefix of a gate's verdicts on a commit; the highest number is the last."""
    return f"{app}/releases/{commit}/verdicts/{gate}/"


def outcomes(app: str, commit: str) -> str:
    """Return the prefix of the conclusions about a commit; the highest number is the last."""
    return f"{app}/releases/{commit}/outcome/"


def numbered(store: Store, prefix: str) -> dict[int, str]:
    """Return the keys under a prefix by their numbers, in ascending order of these."""
    found = {int(key.removeprefix(prefix).removesuffix(".json")): key for key in store.list(prefix)}
    return dict(sorted(found.items()))


def append(store: Store, prefix: str, body: bytes) -> str:
    """Write a record under the next free number and return its key. Two at once get two numbers."""
    number = max(numbered(store, prefix), default=-1) + 1
    while not store.create(key := f"{prefix}{number}.json", body):
        number += 1
    return key
