"""A pipeline document as JSON would carry it, whoever wrote it: the one shape that the rest of the engine reads.

A YAML configuration can hold more (dates, sets, one node in many places), and a hostile upload can be nested so deep that
reading it needs more stack than there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import isfinite

from shipping.local.engine.rejection import Rejection

DEEPEST = 100
LARGEST = 250_000
"""Values in one document; 500 jobs with all their plugins have some ten thousand."""


def plain(document: object) -> object:
    """Return the document of maps, lists, strings, numbers, booleans and nulls; raises Rejection where it is none."""
    return _Walk().value(document, 0)


@dataclass(slots=True)
class _Walk:
    seen: int = 0

    def value(self, found: object, depth: int) -> object:
        self.seen += 1
        if depth > DEEPEST:
            raise Rejection(f"The pipeline is nested more than {DEEPEST} deep")
        if self.seen > LARGEST:
            raise Rejection(f"The pipeline has more than {LARGEST} values")
        if isinstance(found, dict):
            return {_word(name): self.value(inner, depth + 1) for name, inner in found.items()}
        if isinstance(found, list):
            return [self.value(inner, depth + 1) for inner in found]
        if isinstance(found, date):
            return str(found)
        if found is None or isinstance(found, (str, int)) or (isinstance(found, float) and isfinite(found)):
            return found
        raise Rejection(f"The pipeline has {found!r}, which is no text, number, boolean, list or map")


def _word(name: object) -> str:
    # YAML reads an unquoted `on` or `1` as something else than text; JSON knows no other keys than text.
    return str(name).lower() if isinstance(name, bool) else str(name)
