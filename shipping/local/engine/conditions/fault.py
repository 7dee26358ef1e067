"""What is wrong with a condition, and where."""

from __future__ import annotations


class ConditionFault(ValueError):
    """``place`` counts characters from 0; `located` says it as people count."""

    def __init__(self, what: str, place: int) -> None:
        super().__init__(what)
        self.what = what
        self.place = place

    def located(self, text: str) -> str:
        """Return the fault behind its line (where there are several) and character."""
        before = text[: self.place]
        line, character = before.count("\n") + 1, self.place - (before.rfind("\n") + 1) + 1
        where = f"line {line}, character {character}" if "\n" in text.strip() else f"character {character}"
        return f"{where}: {self.what}"
