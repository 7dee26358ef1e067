"""Annotations: Markdown from jobs, rendered and then sanitised, because jobs run what anyone wrote."""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def rendered(body: str) -> str:
    """Return safe HTML: no scripts, no styles, no forms, no images (nothing is loaded from anywhere)."""
    return nh3.clean(
        _MARKDOWN.render(body),
        tags=nh3.ALLOWED_TAGS - {"img", "map", "area"},
        attributes={"*": {"class"}, "a": {"href", "title"}, "td": {"align"}, "th": {"align"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )
