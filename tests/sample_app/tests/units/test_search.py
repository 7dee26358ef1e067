from __future__ import annotations

import pytest

from inbox import search
from inbox.search import Query


def test_what_was_typed_is_understood() -> None:
    queries = {
        "": Query(),
        "   ": Query(),
        "Export slow": Query(wanted=("export", "slow")),
        '"net price"': Query(wanted=("net price",)),
        '"never closed': Query(wanted=("never closed",)),
        "-refund": Query(unwanted=("refund",)),
        '-"order 4711"': Query(unwanted=("order 4711",)),
        "from:Anna export": Query(wanted=("export",), authors=("anna",)),
        'from:"Anna Lindqvist"': Query(authors=("anna lindqvist",)),
        "-": Query(wanted=("-",)),
        '""': Query(),
        "Café": Query(wanted=("cafe",)),
    }

    assert {typed: search.parse(typed) for typed in queries} == queries


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("export", ["Anna Lindqvist", "Nils", "Jens", "Uma"]),
        ("export -slow", ["Anna Lindqvist", "Jens", "Uma"]),
        ("strasse", ["Fritz Müller"]),
        ("from:muller", ["Fritz Müller"]),
        ("from:grace from:mia", ["Grace", "Mia"]),
        ('"order 4711" -refund', []),
        ("refund 4711", ["Khadija", "Tamar"]),
        ("100%", ["Vera"]),
        ("_underscores_", ["Wim"]),
        ("田中", []),
        ("from:田中", ["Hiro 田中"]),
        ("telecharger", ["Chloé Dubois"]),
    ],
)
def test_letters_are_found(letters: list[dict[str, str]], typed: str, found: list[str]) -> None:
    """Words anywhere, in any case, with or without accents; the signs of SQL patterns mean themselves."""
    query = search.parse(typed)

    authors = [letter["author"] for letter in letters if search.matches(query, **letter)]

    assert sorted(authors) == sorted(found)


def test_an_empty_query_finds_everything() -> None:
    assert Query().empty
    assert search.matches(Query(), author="anyone", body="anything")
    assert search.to_sql(Query()) == ("1", [])
