"""The search box: words, "exact phrases", -without and from:author, as a test of one comment and as SQL over all."""

from __future__ import annotations

import re
from dataclasses import dataclass

from inbox.text import fold

_TERM = re.compile(r'(-?)(from:)?(?:"([^"]*)"?|(\S+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a comment must contain, must not contain, and who must have written it. All folded."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.wanted or self.unwanted or self.authors)


def parse(text: str) -> Query:
    """Read what was typed. Anything can be typed: what makes no sense is searched for as it stands."""
    wanted: list[str] = []
    unwanted: list[str] = []
    authors: list[str] = []
    for minus, author, phrase, word in _TERM.findall(text):
        term = " ".join(fold(phrase or word).split())
        if not term:
            continue
        if author and not minus:
            authors.append(term)
        else:
            (unwanted if minus else wanted).append(f"from:{term}" if author else term)
    return Query(wanted=tuple(wanted), unwanted=tuple(unwanted), authors=tuple(authors))


def matches(query: Query, *, author: str, body: str) -> bool:
    """Tell whether a comment is found by the query."""
    folded, by = flatten(body), flatten(author)
    return (
        all(term in folded for term in query.wanted)
        and not any(term in folded for term in query.unwanted)
        and (not query.authors or any(name in by for name in query.authors))
    )


def flatten(text: str) -> str:
    """Return the form of a text that is searched: folded, on one line. Stored beside the text itself."""
    return " ".join(fold(text).split())


def to_sql(query: Query) -> tuple[str, list[str]]:
    """Return the same test as an SQL condition over ``folded_body`` and ``folded_author``, with its parameters."""
    conditions = ["instr(folded_body, ?) > 0" for _ in query.wanted]
    conditions += ["instr(folded_body, ?) = 0" for _ in query.unwanted]
    if query.authors:
        conditions.append("(" + " OR ".join("instr(folded_author, ?) > 0" for _ in query.authors) + ")")
    return " AND ".join(conditions) or "1", [*query.wanted, *query.unwanted, *query.authors]
