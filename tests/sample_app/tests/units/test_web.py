from __future__ import annotations

import io
from http import HTTPStatus
from typing import Any

import pytest

from inbox import web
from inbox.web import HttpError, Request, Router


def request(method: str = "GET", path: str = "/", body: bytes = b"", **environ: Any) -> Request:
    length = {"CONTENT_LENGTH": str(len(body))} if body else {}
    return Request({"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(body), **length, **environ})


def test_a_query_is_read() -> None:
    assert request(QUERY_STRING="q=caf%C3%A9+au&size=3&empty=").query == {"q": "café au", "size": "3"}


def test_a_path_is_utf_8_in_disguise() -> None:
    """WSGI hands bytes over as latin-1."""
    assert request(path="/caf\u00c3\u00a9").path == "/café"


@pytest.mark.parametrize(
    ("header", "value"),
    [("a=1; inbox=x.y", "x.y"), ("inbox=", ""), ("a=1", None), ("", None), ("inbox=a; inbox=b", "b")],
)
def test_a_cookie_is_found(header: str, value: str | None) -> None:
    assert request(HTTP_COOKIE=header).cookie("inbox") == value


def test_a_form_is_read() -> None:
    assert request(body=b"author=Anna&body=a+b%0Ac&empty=").form() == {"author": "Anna", "body": "a b\nc", "empty": ""}


@pytest.mark.parametrize("body", [b"\xff=1", b"&".join(b"a=1" for _ in range(51))])
def test_a_form_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(HttpError) as raised:
        request(body=body).form()

    assert raised.value.status is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 50_000])
def test_only_a_json_object_is_taken(body: bytes) -> None:
    with pytest.raises(HttpError) as raised:
        request(body=body).json()

    assert raised.value.status is HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("65537", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        ("-1", HTTPStatus.LENGTH_REQUIRED),
        ("many", HTTPStatus.LENGTH_REQUIRED),
    ],
)
def test_a_body_of_the_wrong_size_is_not_read(length: str, status: HTTPStatus) -> None:
    with pytest.raises(HttpError) as raised:
        request(CONTENT_LENGTH=length).body()

    assert raised.value.status is status


@pytest.fixture
def router() -> Router:
    made = Router()
    made.add("GET", "/things", lambda _: web.text("all"))
    made.add("POST", "/things", lambda _: web.text("made"))
    made.add("GET", "/things/{id}", lambda _, id: web.text(f"thing {id}"))  # noqa: A006
    return made


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/things", b"all"),
        ("POST", "/things", b"made"),
        ("HEAD", "/things", b"all"),
        ("GET", "/things/42", b"thing 42"),
    ],
)
def test_a_request_finds_its_handler(router: Router, method: str, path: str, body: bytes) -> None:
    assert router.handle(request(method, path)).body == body


@pytest.mark.parametrize("path", ["/", "/things/", "/things/x", "/things/" + "9" * 19])
def test_nothing_is_found_where_nothing_is(router: Router, path: str) -> None:
    with pytest.raises(HttpError) as raised:
        router.handle(request(path=path))

    assert raised.value.status is HTTPStatus.NOT_FOUND


def test_a_wrong_method_is_told_the_right_ones(router: Router) -> None:
    with pytest.raises(HttpError) as raised:
        router.handle(request("DELETE", "/things"))

    assert raised.value.status is HTTPStatus.METHOD_NOT_ALLOWED
    assert raised.value.headers == (("Allow", "GET, POST"),)


def test_a_redirect_asks_for_a_get() -> None:
    moved = web.redirect("/comments/1", ("Set-Cookie", "a=1"))

    assert moved.status is HTTPStatus.SEE_OTHER
    assert moved.headers[1:] == (("Location", "/comments/1"), ("Set-Cookie", "a=1"))


def test_json_is_sent_as_readable_text() -> None:
    assert web.data({"author": "Chloé"}).body == '{"author": "Chloé"}'.encode()
