"""Globs over paths from the repository's root, as people write them in configuration."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def first_match(path: str, patterns: Iterable[str]) -> str | None:
    """Return the first pattern that ``path`` matches, or None.

    ``*`` and ``?`` stay within one folder's name, ``**`` is any number of folders. A pattern without a slash is about the
    file's name in any folder; one with a slash is about the whole path.
    """
    return next((pattern for pattern in patterns if _compiled(pattern).fullmatch(path)), None)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    whole = pattern if "/" in pattern else f"**/{pattern}"
    return re.compile(
        "".join(_translated(piece) for piece in re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?|\[[^]]+\])", whole)), re.DOTALL
    )


def _translated(piece: str) -> str:
    known = {"**/": "(?:[^/]+/)*", "/**": "/.+", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if piece in known:
        return known[piece]
    if piece.startswith("[") and piece.endswith("]"):
        inside = piece[1:-1].replace("\\", "\\\\")
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return re.escape(piece)
