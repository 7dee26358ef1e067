"""One line of terminal output as HTML: text escaped, colours and weights as classes, every other control code dropped."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import escape

CODES = re.compile(r"\x1b\[([0-9;:]*)m")
LINK = re.compile(r"\x1b\]1339;([^\x07\x1b]*)(?:\x07|\x1b\\)")
PART = re.compile(r"(url|content)=(?:'([^']*)'|\"([^\"]*)\"|([^;]*))")
CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)|[\x00-\x08\x0b-\x1f\x7f]")
STYLES = {1: "bold", 2: "faint", 3: "italic", 4: "under", 7: "inverse", 9: "struck"}
ENDS = {22: ("bold", "faint"), 23: ("italic",), 24: ("under",), 27: ("inverse",), 29: ("struck",)}
MOST_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """How the next letter is written. Colours are numbers of the terminal's palette of 256."""

    styles: frozenset[str] = field(default_factory=frozenset)
    ink: int | None = None
    ground: int | None = None


@lru_cache(maxsize=4096)
def _classes(pen: Pen) -> str:
    colours = [f"{name}{number}" for name, number in (("fg", pen.ink), ("bg", pen.ground)) if number is not None]
    return " ".join([*sorted(pen.styles), *colours])


@lru_cache(maxsize=4096)
def _after(pen: Pen, codes: str) -> Pen:
    """Return the pen after a sequence of codes; an unknown code changes nothing."""
    numbers = [int(code[:MOST_DIGITS] or 0) for code in re.split("[;:]", codes)]
    while numbers:
        code = numbers.pop(0)
        if code in (38, 48):
            colour = _colour(numbers)
            pen = replace(pen, ink=colour) if code == 38 else replace(pen, ground=colour)
        else:
            pen = _changed(pen, code)
    return pen


PLAIN = Pen()


def _changed(pen: Pen, code: int) -> Pen:
    if code == 0:
        return PLAIN
    if code in STYLES:
        return replace(pen, styles=pen.styles | {STYLES[code]})
    if code in ENDS:
        return replace(pen, styles=pen.styles.difference(ENDS[code]))
    if code in range(30, 40) or code in range(90, 98):
        return replace(pen, ink=_basic(code))
    if code in range(40, 50) or code in range(100, 108):
        return replace(pen, ground=_basic(code - 10))
    return pen


def _basic(code: int) -> int | None:
    """Return the palette's number of 30-37 and the bright 90-97; 39 is none."""
    return code - 90 + 8 if code >= 90 else code - 30 if code <= 37 else None


def _colour(numbers: list[int]) -> int | None:
    """Take a colour's own numbers off the list: ``5;n`` of the palette, ``2;r;g;b`` the nearest of its cube."""
    kind = numbers.pop(0) if numbers else 0
    wanted = {5: 1, 2: 3}.get(kind, 0)
    told, numbers[:wanted] = [min(number, 255) for number in numbers[:wanted]], []
    if not wanted or len(told) < wanted:
        return None
    if kind == 5:
        return told[0]
    red, green, blue = (round(part / 255 * 5) for part in told)
    return 16 + 36 * red + 6 * green + blue


def pen_after(line: str, pen: Pen) -> Pen:
    """Return the pen that the next line begins with."""
    if line.endswith("\x1b[0m"):
        return PLAIN
    for codes in CODES.findall(line) if "\x1b" in line else ():
        pen = _after(pen, codes)
    return pen


def line_html(line: str, pen: Pen) -> tuple[str, Pen]:
    """Return one line as HTML, and the pen that the next line begins with."""
    if pen == PLAIN and line.isprintable():
        return escape(line), pen
    told = []
    for place, part in enumerate(CODES.split(line)):
        if place % 2:
            pen = _after(pen, part)
        elif part and (html := _text(part)):
            classes = _classes(pen)
            told.append(f'<span class="{classes}">{html}</span>' if classes else html)
    return "".join(told), pen


def plain(line: str) -> str:
    """Return the line without any control code."""
    return CONTROL.sub("", LINK.sub("", line))


def _text(part: str) -> str:
    """Escape text; the agent's inline links become links if they lead to a web page."""
    if part.isprintable():
        return escape(part)
    told = []
    for place, piece in enumerate(LINK.split(part)):
        told.append(_link(piece) if place % 2 else escape(CONTROL.sub("", piece)))
    return "".join(told)


def _link(attributes: str) -> str:
    found = {name: one or two or three for name, one, two, three in PART.findall(attributes)}
    url = CONTROL.sub("", found.get("url", ""))
    text = escape(CONTROL.sub("", found.get("content", "")) or url)
    if not url.startswith(("http://", "https://")):
        return text
    return f'<a href="{escape(url)}" rel="noopener noreferrer">{text}</a>'


def palette() -> str:
    """Return the stylesheet of the palette's colours 16 to 255: a cube of 6 x 6 x 6, then 24 greys."""
    steps = (0, 95, 135, 175, 215, 255)
    cube = [(red, green, blue) for red in steps for green in steps for blue in steps]
    colours = cube + [(grey, grey, grey) for grey in range(8, 248, 10)]
    rules = [
        f".fg{number}{{color:#{red:02x}{green:02x}{blue:02x}}}.bg{number}{{background:#{red:02x}{green:02x}{blue:02x}}}"
        for number, (red, green, blue) in enumerate(colours, start=16)
    ]
    return "\n".join(rules)
