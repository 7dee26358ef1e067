"""Turns the little markup that comments may carry into safe HTML: everything is escaped first, then a few marks are undone.

Blocks: paragraphs, ``> quotes``, ``- lists`` and fenced code. In a line: ``**strong**``, ``*emphasis*``, code between
backticks, links.
"""

from __future__ import annotations

import html
import re
from itertools import groupby

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[([^\[\]\n]+)\]\((https?://[^\s()<>]+)\)")
_BARE_LINK = re.compile(r"(?<![\"'>=(\w])(https?://[^\s<>()]*[^\s<>().,;:!?'\"])")
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*(?!\*)")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=\S)\*(?![\w*])")
_FENCE = re.compile(r"^```[^\n]*\n(.*?)(?:\n```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
# A line of nothing but ">" would otherwise nest as deep as it is long.
_DEEPEST_QUOTE = 8
_KEPT = re.compile("\x00(\\d+)\x00")


def to_html(source: str) -> str:
    """Return ``source`` as HTML that is safe to put into a page."""
    parts: list[str] = []
    position = 0
    plain = source.replace("\x00", "")
    for fence in _FENCE.finditer(plain):
        parts.extend(_blocks(plain[position : fence.start()]))
        parts.append(f"<pre><code>{html.escape(fence[1])}</code></pre>")
        position = fence.end()
    parts.extend(_blocks(plain[position:]))
    return "\n".join(parts)


def _blocks(source: str, depth: int = 0) -> list[str]:
    chunks = re.split(r"\n\s*\n", source.strip())
    return [part for chunk in chunks if chunk.strip() for part in _block(chunk.split("\n"), depth)]


def _block(lines: list[str], depth: int) -> list[str]:
    return [_rendered(kind, list(group), depth) for kind, group in groupby(lines, key=_kind)]


def _kind(line: str) -> str:
    if line.startswith(">"):
        return "quote"
    return "list" if re.match(r"[-*] +\S", line) else "paragraph"


def _rendered(kind: str, lines: list[str], depth: int) -> str:
    if kind == "quote" and depth < _DEEPEST_QUOTE:
        inner = _blocks("\n".join(line[1:].removeprefix(" ") for line in lines), depth + 1)
        return f"<blockquote>{''.join(inner)}</blockquote>"
    if kind == "list":
        return "<ul>" + "".join(f"<li>{_inline(line[1:].strip())}</li>" for line in lines) + "</ul>"
    return "<p>" + "<br>\n".join(_inline(line) for line in lines) + "</p>"


def _inline(line: str) -> str:
    kept: list[str] = []

    def keep(fragment: str) -> str:
        # What is finished is taken out of the text, so that no later mark is looked for inside code or an address.
        kept.append(fragment)
        return f"\x00{len(kept) - 1}\x00"

    text = _CODE.sub(lambda found: keep(f"<code>{found[1]}</code>"), html.escape(line))
    text = _LINK.sub(lambda found: keep(_opening(found[2])) + found[1] + keep("</a>"), text)
    text = _BARE_LINK.sub(lambda found: keep(f"{_opening(found[1])}{found[1]}</a>"), text)
    text = _STRONG.sub(r"<strong>\1</strong>", text)
    text = _EMPHASIS.sub(r"<em>\1</em>", text)
    return _KEPT.sub(lambda found: kept[int(found[1])], text)


def _opening(address: str) -> str:
    return f'<a href="{address}" rel="nofollow ugc">'
