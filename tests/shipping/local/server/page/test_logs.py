"""Logs as people read them: numbered, folded, coloured, and never more than text."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipping.local.server.page.logs import Section, as_html, lines, sections, without_marks
from shipping.local.server.page.terminal import Pen, line_html, palette

NASTY = st.text(alphabet=st.sampled_from("ab<>&\"'\x1b[]0123456789;:mK\x07\r\n-+~_\\ \x00^url=cont'h/"))


def told(found: list[Section]) -> list[tuple[str, bool, str]]:
    return [(part.title, part.open, " ".join(line.html for line in part.lines)) for part in found]


def test_a_log_as_a_terminal_leaves_it() -> None:
    log = "\x1b_bk;t=1\x07a\r\n10%\r20%\nlast"

    assert (without_marks(log), lines(log)) == ("a\r\n10%\r20%\nlast", ["a", "20%", "last"])


def test_sections_fold_and_open_as_their_headers_say() -> None:
    log = "before\n--- folded\n1\n+++ open\n2\n~~~ quiet\n3\n^^^ +++\n--- last\n4\n"

    assert told(sections(log)) == [
        ("", False, "before"),
        ("folded", False, "1"),
        ("open", True, "2"),
        ("quiet", True, "3"),
        ("last", False, "4"),
    ]


@pytest.mark.parametrize(
    ("log", "open_ones"),
    [
        ("--- a\n1\n--- b\n2\n~~~ c\n3\n", ["b"]),
        ("~~~ a\n1\n~~~ b\n2\n", ["b"]),
        ("+++ a\n1\n--- b\n2\n", ["a"]),
        ("--- a\n^^^ +++\n--- b\n2\n", ["a"]),
        ("just text\n", [""]),
    ],
)
def test_where_nothing_is_opened_the_last_regular_section_is(log: str, open_ones: list[str]) -> None:
    assert [part.title for part in sections(log) if part.open] == open_ones


def test_the_end_of_a_growing_log_is_open() -> None:
    assert [part.open for part in sections("+++ a\n1\n~~~ b\n2\n", growing=True)] == [True, True]


def test_lines_have_the_numbers_of_the_whole_log() -> None:
    """Headers count; a cut log begins where it was cut."""
    found = sections("a\n--- h\nb\n", first=1001)

    assert [(part.number, [line.number for line in part.lines]) for part in found] == [(1000, [1001]), (1002, [1003])]


@given(st.lists(st.sampled_from(["x\n", "--- h\n", "+++ i\n", "y"]), max_size=400), st.integers(0, 400))
def test_what_is_added_to_a_log_in_pieces_is_what_is_read_at_once(pieces: list[str], cut: int) -> None:
    """A page draws its last block again and adds what follows: then it shows all, each line once, in order."""
    before, after = "".join(pieces[:cut]), "".join(pieces)
    shown: dict[int, list[tuple[int, str]]] = {part.number: numbered(part) for part in sections(before)}
    blocks = [first for part in sections(before) for first, _ in part.blocks]
    begin = blocks[-1] if blocks else 0
    shown = {number: [line for line in found if line[0] < begin] for number, found in shown.items()}
    for part in sections(after, begin=begin):
        shown.setdefault(part.number, []).extend(numbered(part))

    assert {number: found for number, found in shown.items() if found} == {
        part.number: numbered(part) for part in sections(after) if part.lines
    }


def numbered(part: Section) -> list[tuple[int, str]]:
    return [(line.number, line.html) for line in part.lines]


@given(NASTY)
def test_no_log_gets_out_of_its_text(log: str) -> None:
    """Whatever escape sequences: tags are ours alone, links lead to the web, and no control character is left."""
    for part in sections(log):
        for line in part.lines:
            rest = re.sub(r'<span class="[a-z0-9 ]+">|</span>', "", line.html)
            rest = re.sub(r'<a href="https?://[^"<>]*" rel="noopener noreferrer">|</a>', "", rest)
            assert "<" not in rest
            assert not any(ord(letter) < 32 and letter != "\t" for letter in unescape(rest))
        assert not any(ord(letter) < 32 and letter != "\t" for letter in part.title)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("\x1b[1;31mred\x1b[0m plain", '<span class="bold fg1">red</span> plain'),
        ("\x1b[31ma\x1b[39mb", '<span class="fg1">a</span>b'),
        ("\x1b[91;44ma", '<span class="fg9 bg4">a</span>'),
        ("\x1b[38;5;208ma", '<span class="fg208">a</span>'),
        ("\x1b[48;2;255;0;0ma", '<span class="bg196">a</span>'),
        ("\x1b[38:5:20ma", '<span class="fg20">a</span>'),
        ("\x1b[38;5ma", "a"),
        ("\x1b[4ma\x1b[24mb", '<span class="under">a</span>b'),
        ("\x1b[1;2ma\x1b[22mb", '<span class="bold faint">a</span>b'),
        ("\x1b[2Ka\x1b[3Db", "ab"),
        (
            "\x1b]1339;url='https://x.test/?a&b';content='see'\x07",
            '<a href="https://x.test/?a&amp;b" rel="noopener noreferrer">see</a>',
        ),
        ("\x1b]1339;url=http://x.test\x07", '<a href="http://x.test" rel="noopener noreferrer">http://x.test</a>'),
        ("\x1b]1339;url='javascript:alert(1)';content='see'\x07", "see"),
        ("\x1b]8;;javascript:x\x07a", "a"),
    ],
)
def test_colours_are_classes_and_links_lead_to_the_web(text: str, html: str) -> None:
    assert line_html(text, Pen())[0] == html


def test_a_colour_lasts_until_the_log_ends_it() -> None:
    assert as_html("\x1b[32ma\nb\x1b[0m\nc") == '<span class="fg2">a</span>\n<span class="fg2">b</span>\nc'


def test_the_palette_is_the_terminals() -> None:
    rules = palette().split("\n")

    assert len(rules) == 240
    assert rules[0] == ".fg16{color:#000000}.bg16{background:#000000}"
    assert rules[208 - 16].startswith(".fg208{color:#ff8700}")
    assert rules[-1].startswith(".fg255{color:#eeeeee}")
