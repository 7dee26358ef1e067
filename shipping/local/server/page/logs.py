"""Logs as people read them: the agent's own marks removed, colours kept, carriage returns obeyed, sections folded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

MARKS = re.compile(r"\x1b_bk;[^\x07\x1b]*(?:\x07|\x1b\\)")
COLOUR = re.compile(r"\x1b\[([0-9;]*)m")
CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)|[\x00-\x08\x0b-\x1f\x7f]")
HEADER = re.compile(r"(---|\+\+\+|~~~) (.+)")
OPEN_LAST = "^^^ +++"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of the log under its header; the one before the first header has no title."""

    title: str
    open: bool
    html: str


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
    return "\n".join(line_html(line) for line in lines(log))


def sections(log: str) -> list[Section]:
    """Return the log in its sections: ``+++`` opens its own, ``---`` and ``~~~`` fold theirs, ``^^^ +++`` opens the one
    it stands in. The last is open.
    """
    found: list[tuple[str, bool, list[str]]] = [("", True, [])]
    for line in lines(log):
        header = HEADER.fullmatch(CONTROL.sub("", line))
        if header is not None:
            found.append((header[2], header[1] == "+++", []))
        elif line.strip() == OPEN_LAST:
            title, _, content = found[-1]
            found[-1] = (title, True, content)
        else:
            found[-1][2].append(line_html(line))
    return [
        Section(title=title, open=is_open or place == len(found) - 1, html="\n".join(content))
        for place, (title, is_open, content) in enumerate(found)
        if title or content
    ]


def line_html(line: str) -> str:
    """Return one line; its colours end with it."""
    told, classes = [], list[str]()
    for place, part in enumerate(COLOUR.split(line)):
        if place % 2:
            classes = _classes(classes, part)
        elif part:
            text = escape(CONTROL.sub("", part))
            told.append(f'<span class="{" ".join(classes)}">{text}</span>' if classes and text else text)
    return "".join(told)


def _classes(before: list[str], codes: str) -> list[str]:
    classes = list(before)
    numbers = [int(code[:4]) if code else 0 for code in codes.split(";")]
    while numbers:
        code = numbers.pop(0)
        if code == 0:
            classes = []
        elif code == 1:
            classes.append("bold")
        elif 30 <= code <= 37 or 90 <= code <= 97:
            classes = [*(one for one in classes if not one.startswith("fg")), f"fg{code % 10}"]
        elif code == 39:
            classes = [one for one in classes if not one.startswith("fg")]
        elif code in (38, 48):
            # A palette or true colour: its numbers are not codes of their own.
            del numbers[: 2 if numbers[:1] == [5] else 4]
    return list(dict.fromkeys(classes))
