"""Logs as people read them: the agent's own marks removed, carriage returns obeyed, lines numbered, sections folded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.local.server.page.terminal import Pen, line_html, pen_after, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKS = re.compile(r"\x1b_bk;[^\x07\x1b]*(?:\x07|\x1b\\)")
HEADER = re.compile(r"(---|\+\+\+|~~~) (.+)")
STARTS = frozenset("-+~\x1b\x00\x07\x08")
"""What a header line may begin with: its mark, or what is not shown."""

OPEN_LAST = "^^^ +++"
BLOCK = 100
"""Lines that are sent again when the log grows: the last block is never known to be whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    number: int
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of the log under its header line ``number``; the one before the first header has no title."""

    number: int
    mark: str
    title: str
    open: bool
    lines: tuple[Line, ...]

    @property
    def blocks(self) -> list[tuple[int, str]]:
        """Return the lines as HTML, in blocks that begin at the same lines however the log grows.

        Not by a template: a log has thousands of lines, and each would cost a template's time.
        """
        found: dict[int, list[Line]] = {}
        for line in self.lines:
            found.setdefault(line.number // BLOCK, []).append(line)
        return [(block[0].number, "".join(map(_line, block))) for block in found.values()]


def _line(one: Line) -> str:
    number = one.number
    link = f'<a class="n" href="#L{number}" tabindex="-1">{number}</a>'
    return f'<div class="l" id="L{number}">{link}{one.html}</div>'


@dataclass(slots=True)
class _Drawn:
    """A section while it is read."""

    number: int
    mark: str
    title: str
    lines: list[Line]


def without_marks(log: str) -> str:
    """Return the log without the agent's timestamps."""
    return MARKS.sub("", log)


def lines(log: str) -> list[str]:
    """Return the lines as a terminal leaves them: what a carriage return wrote over is gone."""
    found = without_marks(log).replace("\r\n", "\n").split("\n")
    if found and not found[-1]:
        found.pop()
    return [line.rstrip("\r").rpartition("\r")[2] for line in found]


def as_html(log: str) -> str:
    """Return the log as escaped HTML, colours as classes."""
    return "\n".join(html for _, html in _drawn(log))


def _drawn(log: str, begin: int = 0) -> Iterator[tuple[str, str]]:
    """Yield each line as text and as HTML; a colour lasts until the log ends it. Lines before ``begin`` are not drawn."""
    pen = Pen()
    for place, line in enumerate(lines(log)):
        if place >= begin:
            html, pen = line_html(line, pen)
            yield line, html
        else:
            pen = pen_after(line, pen)
            yield line, ""


def sections(log: str, *, first: int = 1, growing: bool = False, begin: int = 0) -> list[Section]:
    """Return the log, whose first line has the number ``first``, in its sections; of lines before ``begin`` the headers.

    ``+++`` opens its own, ``---`` and ``~~~`` fold theirs, ``^^^ +++`` opens the one it stands in; where nothing is opened
    so, the last ``---`` is (https://buildkite.com/docs/pipelines/configure/managing-log-output). The last one of a log that
    grows is open too: it is what people wait for.
    """
    found, opened = [_Drawn(first - 1, "", "", [])], set[int]()
    for number, (line, html) in enumerate(_drawn(log, begin - first), start=first):
        header = HEADER.fullmatch(plain(line)) if line[:1] in STARTS else None
        if header is not None:
            found.append(_Drawn(number, header[1], header[2], []))
        elif line.strip() == OPEN_LAST:
            opened.add(len(found) - 1)
        elif number >= begin:
            found[-1].lines.append(Line(number=number, html=html))
    opened |= {place for place, one in enumerate(found) if one.mark == "+++"} or _last_regular(found, opened)
    if growing:
        opened.add(len(found) - 1)
    return [
        Section(number=one.number, mark=one.mark, title=one.title, open=place in opened, lines=tuple(one.lines))
        for place, one in enumerate(found)
        if one.lines or (one.title and one.number >= begin)
    ]


def _last_regular(found: list[_Drawn], opened: set[int]) -> set[int]:
    if opened:
        return set()
    regular = [place for place, one in enumerate(found) if one.mark == "---"]
    return {(regular or [len(found) - 1])[-1]}
