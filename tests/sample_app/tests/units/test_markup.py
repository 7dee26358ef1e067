from __future__ import annotations

import re

import pytest

from inbox.markup import to_html

LINK = '<a href="{0}" rel="nofollow ugc">{1}</a>'


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("plain", "<p>plain</p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("one\n\n\ntwo", "<p>one</p>\n<p>two</p>"),
        ("**strong** words", "<p><strong>strong</strong> words</p>"),
        ("an *emphatic* word", "<p>an <em>emphatic</em> word</p>"),
        ("**strong and *both***", "<p><strong>strong and <em>both</em></strong></p>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("a*b*c", "<p>a*b*c</p>"),
        ("** not strong **", "<p>** not strong **</p>"),
        ("`x * y * z`", "<p><code>x * y * z</code></p>"),
        ("`**`", "<p><code>**</code></p>"),
        ("> quoted\n> twice", "<blockquote><p>quoted<br>\ntwice</p></blockquote>"),
        ("> > deep", "<blockquote><blockquote><p>deep</p></blockquote></blockquote>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("so:\n- one\nand on", "<p>so:</p>\n<ul><li>one</li></ul>\n<p>and on</p>"),
        ("```\n**as is**\n```", "<pre><code>**as is**</code></pre>"),
        ("```python\na < b\n```\nafter", "<pre><code>a &lt; b</code></pre>\n<p>after</p>"),
        ("```\nnever closed", "<pre><code>never closed</code></pre>"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_marks_become_elements(source: str, page: str) -> None:
    """The little markup there is, and what only looks like it."""
    assert to_html(source) == page


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("[docs](https://example.test/a)", f"<p>{LINK.format('https://example.test/a', 'docs')}</p>"),
        ("[**docs**](http://a.test)", f"<p>{LINK.format('http://a.test', '<strong>docs</strong>')}</p>"),
        ("see https://a.test/x.", f"<p>see {LINK.format('https://a.test/x', 'https://a.test/x')}.</p>"),
        ("https://a.test/*x*", f"<p>{LINK.format('https://a.test/*x*', 'https://a.test/*x*')}</p>"),
        (
            "https://a.test/?a=1&b=2",
            f"<p>{LINK.format('https://a.test/?a=1&amp;b=2', 'https://a.test/?a=1&amp;b=2')}</p>",
        ),
        ("[click](javascript:alert(1))", "<p>[click](javascript:alert(1))</p>"),
        ("`https://a.test`", "<p><code>https://a.test</code></p>"),
    ],
)
def test_only_web_addresses_become_links(source: str, page: str) -> None:
    assert to_html(source) == page


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        '[x](https://a.test/"onmouseover="alert(1))',
        "**<img src=x onerror=alert(1)>**",
        "> <iframe>",
        "```\n</code></pre><script>\n```",
        "\x000\x00<b>",
        "[a](https://a.test/<script>)",
        "- <style>*{display:none}</style>",
    ],
)
def test_nothing_a_customer_writes_becomes_an_element(source: str) -> None:
    """Every element of the page is one of ours, with no attribute but ours."""
    elements = set(re.findall(r"<[^>]*>", to_html(source)))
    ours = re.compile(
        r'</?(p|br|strong|em|code|pre|ul|li|blockquote)>|</a>|<a href="https?://[^"<>]*" rel="nofollow ugc">'
    )

    assert [element for element in elements if not ours.fullmatch(element)] == []


def test_all_letters_come_out_balanced(letters: list[dict[str, str]]) -> None:
    """What is opened is closed, in the right order."""
    for letter in letters:
        open_elements: list[str] = []
        for closing, name in re.findall(r"<(/?)(\w+)", to_html(letter["body"])):
            if closing:
                assert open_elements.pop() == name
            elif name != "br":
                open_elements.append(name)
        assert open_elements == []


def test_a_long_hostile_body_takes_no_time() -> None:
    """Patterns that could backtrack meet the worst that fits into a comment, and return."""
    hostile = ["*" * 4000, "[" * 4000, "`" * 3999, "> " * 2000, "**a" * 1333, "https://" * 500, "```\n" * 1000]

    assert [page for page in map(to_html, hostile) if not page] == []
