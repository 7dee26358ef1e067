"""Tokens, forms and Markdown: what other people's bytes become."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipping.local.engine.rejection import Rejection
from shipping.local.server.formdata import file_part
from shipping.local.server.moments import duration, moment
from shipping.local.server.page.markdown import rendered
from shipping.local.server.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

TOKENS = Tokens(registration="r", api="a", secret="s")


def test_a_token_names_its_owner_and_only_in_its_scope() -> None:
    job, agent = TOKENS.of_job("id_1"), TOKENS.of_agent("id_1")

    assert (TOKENS.job(job), TOKENS.agent(agent)) == ("id_1", "id_1")
    assert (TOKENS.job(agent), TOKENS.agent(job)) == (None, None)
    assert TOKENS.agent(job.replace("bkaj", "bkas")) is None
    assert Tokens(registration="r", api="a", secret="other").job(job) is None


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    assert (TOKENS.job(text), TOKENS.agent(text), TOKENS.job(f"bkaj_{text}")) == (None, None, None)


def read(pieces: Sequence[bytes], content_type: str = "multipart/form-data; boundary=B") -> bytes:
    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def whole() -> bytes:
        return b"".join([part async for part in file_part(stream(), content_type, "file")])

    return asyncio.run(whole())


def form(content: bytes, before: bytes = b"") -> bytes:
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\nContent-Type: x/y\r\n\r\n'
    return before + head + content + b"\r\n--B--\r\n"


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=30))
def test_a_file_comes_out_as_it_went_in_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    """Also where a piece ends inside the boundary, or the file looks like one."""
    content = content.replace(b"\r\n--B", b"\r\n--C") + b"\r\n--"
    sent = form(content)
    pieces = []
    for cut in cuts:
        pieces.append(sent[:cut])
        sent = sent[cut:]

    assert read([*pieces, sent]) == content


def test_fields_before_the_file_are_passed_over() -> None:
    field = b'--B\r\nContent-Disposition: form-data; name="key"\r\n\r\nvalue\r\n'

    assert read([form(b"data", before=field)]) == b"data"


@pytest.mark.parametrize(
    ("sent", "content_type"),
    [
        (form(b"data")[:-9], "multipart/form-data; boundary=B"),
        (b"", "multipart/form-data; boundary=B"),
        (form(b"data"), "multipart/form-data; boundary=other"),
        (form(b"data"), "application/json"),
        (form(b"data").replace(b'"file"', b'"fire"'), "multipart/form-data; boundary=B"),
        (
            b'--B\r\nContent-Disposition: form-data; name="key"\r\n\r\n' + bytes(70_000),
            "multipart/form-data; boundary=B",
        ),
    ],
)
def test_what_is_no_such_form_is_refused(sent: bytes, content_type: str) -> None:
    with pytest.raises(Rejection) as caught:
        read([sent], content_type)

    assert caught.value.status == 400


def test_durations_as_people_read_them() -> None:
    assert [duration(seconds) for seconds in (-1, 0.44, 9.96, 12.4, 59.6, 185, 3725)] == [
        "0.0s",
        "0.4s",
        "10.0s",
        "12s",
        "1m 00s",
        "3m 05s",
        "1h 02m",
    ]
    assert (moment(None), moment(0.5)) == (None, "1970-01-01T00:00:00.500Z")


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("**a**", "<p><strong>a</strong></p>\n"),
        ("<script>x</script>y", "y"),
        ("[a](javascript:x)", "<p>[a](javascript:x)</p>\n"),
        ('<a href="javascript:x" onclick="y">z</a>', '<p><a rel="noopener noreferrer">z</a></p>\n'),
        ("![a](http://x/y.png)", "<p></p>\n"),
        ('<details><summary>s</summary><pre class="term">t</pre></details>', None),
        ('<p style="position:fixed">a</p>', "<p>a</p>"),
    ],
)
def test_markdown_is_rendered_and_sanitised(body: str, html: str | None) -> None:
    assert rendered(body) == (body if html is None else html)
