"""Regular expressions in linear time: the same answers as a backtracking engine, where that one answers at all."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shipping.local.engine.regex.fault import RegexFault
from shipping.local.engine.regex.search import compiled

SIMPLE = st.sampled_from(
    [
        *("a", "b", "-", ".", "[ab]", "[^a]", "[a-b_]", r"\d", r"\w", r"\W", r"\s", r"\n", "^", "$", r"\b", r"\B"),
        *(r"\A", r"\.", "(?:)", "[]a]", "[a-]"),
    ]
)
SOURCES = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map("|".join).map("({})".format),
        inner.map("(?:{})*".format),
        inner.map("(?:{})+?".format),
        inner.map("(?:{})?".format),
        inner.map("(?:{}){{1,3}}".format),
        inner.map("(?:{}){{2}}".format),
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(SOURCES, st.text("ab_- .\n1A", max_size=12), st.booleans())
def test_the_same_answer_as_pythons_own(source: str, text: str, ignore_case: bool) -> None:  # noqa: FBT001
    """`^` and `$` are the ends of any line, as in Ruby."""
    assume(text or "\\B" not in source)  # Python before 3.14 finds no place in an empty text that is not a word's edge
    flags = re.MULTILINE | re.ASCII | (re.IGNORECASE if ignore_case else 0)
    expected = re.search(source, text, flags) is not None

    assert expected == compiled(source, ignore_case=ignore_case).search(text)


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        (r"foo\z", "foo\n", False),
        (r"foo\Z", "foo\n", True),
        (r"foo\Z", "foo\nbar", False),
        (r"^bar", "foo\nbar", True),
        (r"\Abar", "foo\nbar", False),
        (r"\h+", "xyz", False),
        (r"^[[:alpha:]]+[[:^digit:]]$", "ab-", True),
        (r"^v[[:digit:]]+$", "v12", True),
        (r"a{,2}b", "b", True),
        (r"a{2,}b", "ab", False),
        (r"a{b", "a{b", True),
        (r"(?i)MAIN", "main", True),
        (r"(?i:M)ain", "mAIN", False),
        (r"a(?#a comment)b", "ab", True),
        (r"\x41\u0042", "AB", True),
        (r"[\]\-]", "-", True),
        ("ä", "Ä", False),
    ],
)
def test_what_ruby_reads_in_its_own_way(source: str, text: str, found: bool) -> None:  # noqa: FBT001
    assert found is compiled(source).search(text)


@pytest.mark.parametrize(
    "source",
    [r"[[:what:]]", r"[a[b]]", r"[a&&b]", r"\R", r"\k<a>", "(?m)a", "a{3,2}", "a{5000}", "(" * 60, "a" * 2000, "\\"],
)
def test_what_is_not_to_be_had_is_refused(source: str) -> None:
    with pytest.raises(RegexFault) as caught:
        compiled(source)

    assert 0 <= caught.value.place <= len(source)


def test_a_pattern_of_patterns_is_too_large() -> None:
    """Repeats of repeats multiply."""
    with pytest.raises(RegexFault, match="too large"):
        compiled("((a{100}){100}){100}")


@pytest.mark.parametrize("source", ["(a+)+$", "(a|a)*b", "a*a*a*a*a*c", "(a?){30}a{30}b", "^(([a-z])+.)+[A-Z]$"])
def test_no_pattern_holds_us_up(source: str) -> None:
    """A backtracking engine would still be busy with this text when we are gone."""
    assert not compiled(source).search("a" * 20_000 + "!")


@settings(max_examples=150)
@given(st.text(r"ab[]()|*+?{}\^$.-1,:=<>!i#", max_size=20))
def test_whatever_is_written_is_read_or_refused(source: str) -> None:
    try:
        found = compiled(source).search("aab1")
    except RegexFault as fault:
        assert 0 <= fault.place <= len(source)  # noqa: PT017 - whether there is a fault is drawn
    else:
        assert found in (True, False)
