"""Sets of letters, as a class of a regular expression names them."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[str, str]

DIGITS: tuple[Range, ...] = (("0", "9"),)
WORD: tuple[Range, ...] = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
SPACE: tuple[Range, ...] = (("\t", "\r"), (" ", " "))
HEX: tuple[Range, ...] = (("0", "9"), ("A", "F"), ("a", "f"))
# Ruby's shorthands mean ASCII.
SHORTHANDS = {"d": DIGITS, "w": WORD, "s": SPACE, "h": HEX}
NAMED: dict[str, tuple[Range, ...]] = {
    "alnum": (("0", "9"), ("A", "Z"), ("a", "z")),
    "alpha": (("A", "Z"), ("a", "z")),
    "blank": (("\t", "\t"), (" ", " ")),
    "cntrl": (("\0", "\x1f"), ("\x7f", "\x7f")),
    "digit": DIGITS,
    "graph": (("!", "~"),),
    "lower": (("a", "z"),),
    "print": ((" ", "~"),),
    "punct": (("!", "/"), (":", "@"), ("[", "`"), ("{", "~")),
    "space": SPACE,
    "upper": (("A", "Z"),),
    "word": WORD,
    "xdigit": HEX,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """``parts`` are added to the ranges: classes within a class, each with its own negation."""

    ranges: tuple[Range, ...] = ()
    parts: tuple[Letters, ...] = ()
    negated: bool = False
    ignore_case: bool = False

    def holds(self, letter: str) -> bool:
        forms = {letter, letter.lower(), letter.upper()} if self.ignore_case else {letter}
        return any(self._has(form) for form in forms) != self.negated

    def _has(self, letter: str) -> bool:
        return any(low <= letter <= high for low, high in self.ranges) or any(part.holds(letter) for part in self.parts)


ANY = Letters(ranges=(("\n", "\n"),), negated=True)


def one(letter: str, *, ignore_case: bool = False) -> Letters:
    """Return the set of this letter alone."""
    return Letters(ranges=((letter, letter),), ignore_case=ignore_case)
