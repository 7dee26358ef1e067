"""What is wrong with a regular expression, and where."""

from __future__ import annotations


class RegexFault(ValueError):
    """``place`` counts the source's characters from 0."""

    def __init__(self, what: str, place: int) -> None:
        super().__init__(what)
        self.place = place
