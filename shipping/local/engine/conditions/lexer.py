"""From the text of a condition to its tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from shipping.local.engine.conditions.fault import ConditionFault

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 10_000


class Sort(Enum):
    STRING = "string"
    NUMBER = "number"
    REGEXP = "regular expression"
    WORD = "word"
    MARK = "mark"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """``text`` is a string's content without its escapes, a regular expression's source, else what is written."""

    sort: Sort
    text: str
    place: int
    flags: str = ""

    def __str__(self) -> str:
        return "the end" if self.sort is Sort.END else repr(self.text)


SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*)*")
MARK = re.compile(r"==|!=|=~|!~|\|\||&&|[!(),\[\]]")
NUMBER = re.compile(r"[0-9]+(?![A-Za-z_.])")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
STRAY_DOT = re.compile(r"\.(?![A-Za-z0-9_])")
STRING = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
REGEXP = re.compile(r"/((?:[^/\\]|\\.)*)/([A-Za-z]*)", re.DOTALL)

EXPANSION = re.compile(r"\$(?:[A-Za-z_{])")
ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|[0-7]{1,3}|.)", re.DOTALL)
CONTROL = {"n": "\n", "s": " ", "r": "\r", "t": "\t", "v": "\v", "f": "\f", "b": "\b", "a": "\a", "e": "\x1b"}
NOT_HERE = {
    "$": "shell-style substitution is not implemented by the local Buildkite",
    "?": "the ternary operator is not implemented by the local Buildkite",
    ":": "the ternary operator is not implemented by the local Buildkite",
}


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens, an END at last; raises ConditionFault where nothing fits."""
    if len(text) > LONGEST:
        raise ConditionFault(f"more than {LONGEST} characters", LONGEST)
    place = _behind_space(text, 0)
    while place < len(text):
        token, place = _next(text, place)
        yield token
        place = _behind_space(text, place)
    yield Token(sort=Sort.END, text="", place=place)


def _behind_space(text: str, place: int) -> int:
    matched = SPACE.match(text, place)
    return matched.end() if matched else place


def _next(text: str, place: int) -> tuple[Token, int]:
    if matched := STRING.match(text, place):
        return Token(sort=Sort.STRING, text=_content(matched, place), place=place), matched.end()
    if matched := REGEXP.match(text, place):
        source, flags = matched.groups()
        return Token(sort=Sort.REGEXP, text=source, flags=flags, place=place), matched.end()
    for sort, pattern in ((Sort.MARK, MARK), (Sort.NUMBER, NUMBER), (Sort.WORD, WORD)):
        if matched := pattern.match(text, place):
            if dot := STRAY_DOT.search(matched.group()):
                raise ConditionFault("a dot with no name behind it", place + dot.start())
            return Token(sort=sort, text=matched.group(), place=place), matched.end()
    raise ConditionFault(_complaint(text[place]), place)


def _complaint(letter: str) -> str:
    if letter in "\"'":
        return "a string that does not end"
    if letter == "/":
        return "a regular expression that does not end"
    return NOT_HERE.get(letter, f"cannot read {letter!r}")


def _content(matched: re.Match[str], place: int) -> str:
    double, single = matched.groups()
    if double is None:
        return re.sub(r"\\([\\'])", r"\1", single)
    # Buildkite would substitute it; taken literally it would silently be another condition.
    if found := EXPANSION.search(re.sub(r"\\.|\$\$", "  ", double, flags=re.DOTALL)):
        raise ConditionFault(NOT_HERE["$"], place + 1 + found.start())
    return ESCAPE.sub(_unescaped, double.replace("$$", "$"))


def _unescaped(matched: re.Match[str]) -> str:
    told = matched.group(1)
    if told[0] == "x" and len(told) > 1:
        return chr(int(told[1:], 16))
    if told[0] in "01234567":
        return chr(int(told, 8) & 0xFF)
    return CONTROL.get(told, told)
