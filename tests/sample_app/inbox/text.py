"""Cleans what people type before it is stored. Knows nothing of HTML, storage or the web."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean_line(raw: str) -> str:
    """Return one line of readable text: composed characters, no control characters, single spaces."""
    return " ".join(_readable(raw).split())


def clean_body(raw: str) -> str:
    """Return readable text that keeps its lines, with at most one empty line in a row."""
    unified = raw.replace("\r\n", "\n").replace("\r", "\n")
    lines = [_SPACES.sub(" ", _readable(line)).rstrip() for line in unified.split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")


def excerpt(body: str, limit: int) -> str:
    """Return the beginning of ``body`` on one line, cut between words, at most ``limit`` characters long."""
    line = clean_line(body)
    if len(line) <= limit:
        return line
    head, space, _ = line[:limit].rpartition(" ")
    return (head if space else line[: limit - 1]).rstrip(" ,.;:") + "…"


def fold(text: str) -> str:
    """Return the form in which texts are compared: no case, no accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def plural(count: int, noun: str) -> str:
    """Return the count with its noun: ``1 comment``, ``2 comments``."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def _readable(raw: str) -> str:
    composed = unicodedata.normalize("NFC", raw)
    # Format characters (Cf) go too: a right-to-left override would write a name backwards. The joiner stays: emoji use it.
    return "".join(
        character
        for character in composed
        if character in "\t\n\u200d" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
