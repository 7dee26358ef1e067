from __future__ import annotations

import pytest

from inbox import text


def test_a_line_is_cleaned() -> None:
    """Names come out composed, on one line, without characters that nobody can see."""
    cleaned = {
        "  Anna   Lind ": "Anna Lind",
        "Anna\tLind\nqvist": "Anna Lind qvist",
        "Cafe\u0301": "Café",
        "evil\u202eeman": "evileman",
        "zero\u200bwidth": "zerowidth",
        "bell\x07": "bell",
        "half \ud83d pair": "half pair",
        "👩\u200d💻": "👩\u200d💻",
        "   ": "",
    }

    assert {raw: text.clean_line(raw) for raw in cleaned} == cleaned


def test_a_body_keeps_its_lines() -> None:
    """Bodies keep line breaks and paragraphs, and lose what is too much of them."""
    cleaned = {
        "one\r\ntwo\rthree": "one\ntwo\nthree",
        "\n\n  indented\n\n": " indented",
        "a\n\n\n\n\nb": "a\n\nb",
        "trailing   \nspaces\t": "trailing\nspaces",
        "tabs\t\tinside": "tabs inside",
    }

    assert {raw: text.clean_body(raw) for raw in cleaned} == cleaned


def test_cleaning_twice_changes_nothing(letters: list[dict[str, str]]) -> None:
    """What was cleaned is clean."""
    once = [text.clean_body(letter["body"]) for letter in letters]

    assert [text.clean_body(body) for body in once] == once


@pytest.mark.parametrize(
    ("body", "limit", "short"),
    [
        ("short enough", 12, "short enough"),
        ("cut between words", 12, "cut between…"),
        ("cut, after a comma", 8, "cut…"),
        ("Donaudampfschiff", 6, "Donau…"),
        ("two\nlines", 20, "two lines"),
    ],
)
def test_an_excerpt_fits(body: str, limit: int, short: str) -> None:
    """The beginning of a body, on one line, at a word's end, never longer than asked for."""
    assert text.excerpt(body, limit) == short
    assert len(text.excerpt(body, limit)) <= limit


def test_folding_makes_spellings_equal() -> None:
    """Case, accents and ligatures make no difference to a search."""
    pairs = [("Straße", "STRASSE"), ("Café", "cafe"), ("İstanbul", "istanbul"), ("ﬁne", "Fine")]

    assert [text.fold(one) for one, _ in pairs] == [text.fold(other) for _, other in pairs]


def test_counts_are_said_with_their_noun() -> None:
    said = {0: "0 comments", 1: "1 comment", 2: "2 comments", 12_345: "12,345 comments"}

    assert {count: text.plural(count, "comment") for count in said} == said
