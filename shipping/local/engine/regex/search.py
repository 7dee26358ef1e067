"""Runs a pattern over a text, in one pass."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from shipping.local.engine.regex.program import Assert, Consume, Instruction, Jump, Split, assemble
from shipping.local.engine.regex.reading import read

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT = 2_000
"""Computed steps kept per pattern; there are seldom more than a dozen."""


@lru_cache(maxsize=256)
def compiled(source: str, *, ignore_case: bool = False) -> Regex:
    """Return the pattern, ready to search; raises RegexFault."""
    return Regex(assemble(read(source, ignore_case=ignore_case)))


class Regex:
    """``search`` says whether the pattern matches anywhere."""

    def __init__(self, program: tuple[Instruction, ...]) -> None:
        self._program = program
        self._kept: dict[tuple[frozenset[int], str, str, bool], tuple[bool, frozenset[int]]] = {}

    def search(self, text: str) -> bool:
        alive, before = frozenset[int](), ""
        for place in range(len(text) + 1):
            after = text[place : place + 1]
            # `\Z` also holds before a newline that ends the text.
            last = place >= len(text) - (text[-1:] == "\n")
            matched, alive = self._step(alive, _class_of(before) if place else "start", after, last=last)
            if matched:
                return True
            before = after
        return False

    def _step(self, alive: frozenset[int], before: str, after: str, *, last: bool) -> tuple[bool, frozenset[int]]:
        key = (alive, before, after, last)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            found = self._kept[key] = self._computed(alive, before, after, last=last)
        return found

    def _computed(self, alive: frozenset[int], before: str, after: str, *, last: bool) -> tuple[bool, frozenset[int]]:
        """Start a new match here, follow what needs no character, then take the next one."""
        reached = self._reached({*alive, 0}, before, after, last=last)
        if len(self._program) in reached:
            return True, frozenset()
        taking = ((place, self._program[place]) for place in reached)
        return False, frozenset(
            place + 1 for place, one in taking if isinstance(one, Consume) and after and one.takes(after)
        )

    def _reached(self, places: Iterable[int], before: str, after: str, *, last: bool) -> set[int]:
        seen, queue = set[int](), list(places)
        while queue:
            place = queue.pop()
            if place in seen:
                continue
            seen.add(place)
            if place == len(self._program):
                continue
            match self._program[place]:
                case Jump(to=to):
                    queue.append(to)
                case Split(one=one, two=two):
                    queue += [one, two]
                case Assert(what=what) if _holds(what, before, after, last=last):
                    queue.append(place + 1)
        return seen


def _class_of(letter: str) -> str:
    return "line" if letter == "\n" else "word" if _is_word(letter) else "other"


def _is_word(letter: str) -> bool:
    return letter == "_" or letter.isalnum()


def _holds(what: str, before: str, after: str, *, last: bool) -> bool:
    edge = (before == "word") != _is_word(after)
    return {
        "^": before in ("start", "line"),
        "$": after in ("", "\n"),
        "A": before == "start",
        "z": after == "",
        "Z": last,
        "b": edge,
        "B": not edge,
    }[what]
