"""The little of HTTP that the application needs above WSGI: a request, a response, routes. Knows nothing of comments."""

from __future__ import annotations

import http.cookies
import json
import re
import urllib.parse
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

LARGEST_BODY = 64 * 1024


class HttpError(Exception):
    """An answer other than the one that was asked for; ``headers`` go with it."""

    def __init__(self, status: HTTPStatus, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is sent back."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent, read from the WSGI environment when asked for."""

    environ: WSGIEnvironment

    @property
    def method(self) -> str:
        return str(self.environ["REQUEST_METHOD"])

    @property
    def path(self) -> str:
        # WSGI carries the bytes of the path as latin-1 (PEP 3333).
        return str(self.environ.get("PATH_INFO") or "/").encode("latin-1").decode("utf-8", "replace")

    @property
    def query(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(str(self.environ.get("QUERY_STRING", ""))))

    @property
    def visitor(self) -> str:
        return str(self.environ.get("REMOTE_ADDR", ""))

    def header(self, name: str) -> str | None:
        value = self.environ.get("HTTP_" + name.upper().replace("-", "_"))
        return None if value is None else str(value)

    def cookie(self, name: str) -> str | None:
        try:
            morsel = http.cookies.SimpleCookie(self.header("Cookie") or "").get(name)
        except http.cookies.CookieError:
            return None
        return morsel.value if morsel else None

    def body(self) -> bytes:
        """Return the body. Raises HttpError if it is too large or its length is not known."""
        try:
            length = int(self.environ.get("CONTENT_LENGTH") or 0)
        except ValueError:
            length = -1
        if length < 0:
            raise HttpError(HTTPStatus.LENGTH_REQUIRED, "the length of the body is needed")
        if length > LARGEST_BODY:
            raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {LARGEST_BODY:,} bytes are taken")
        return bytes(self.environ["wsgi.input"].read(length))

    def form(self) -> dict[str, str]:
        """Return the fields of a form. Raises HttpError."""
        try:
            return dict(urllib.parse.parse_qsl(self.body().decode("utf-8"), keep_blank_values=True, max_num_fields=50))
        except ValueError as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, "the form cannot be read") from error

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body. Raises HttpError."""
        try:
            value = json.loads(self.body())
        except (ValueError, RecursionError) as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, "the body is not JSON") from error
        if not isinstance(value, dict):
            raise HttpError(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
        return value


@dataclass(frozen=True, slots=True)
class Router:
    """Finds the handler of a request. A pattern such as ``/comments/{id}`` takes numbers in place of names."""

    _routes: list[tuple[str, re.Pattern[str], Callable[..., Response]]] = field(default_factory=list)

    def add(self, method: str, pattern: str, handler: Callable[..., Response]) -> None:
        expression = re.sub(r"\{(\w+)\}", r"(?P<\1>[0-9]{1,18})", pattern)
        self._routes.append((method, re.compile(expression), handler))

    def handle(self, request: Request) -> Response:
        """Answer the request. Raises HttpError if nothing is there, or not by this method."""
        # What answers GET answers HEAD; the server leaves the body out.
        wanted = "GET" if request.method == "HEAD" else request.method
        allowed: list[str] = []
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(request.path)
            if found and method == wanted:
                return handler(request, **{name: int(value) for name, value in found.groupdict().items()})
            if found:
                allowed.append(method)
        if allowed:
            raise HttpError(
                HTTPStatus.METHOD_NOT_ALLOWED, "this method is not allowed here", (("Allow", ", ".join(allowed)),)
            )
        raise HttpError(HTTPStatus.NOT_FOUND, "there is nothing here")


def text(body: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with plain text."""
    return Response(body=body.encode(), status=status, headers=(("Content-Type", "text/plain; charset=utf-8"),))


def html(body: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with a page."""
    return Response(body=body.encode(), status=status, headers=(("Content-Type", "text/html; charset=utf-8"),))


def data(value: object, status: HTTPStatus = HTTPStatus.OK, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Answer with JSON."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return Response(body=body, status=status, headers=(("Content-Type", "application/json"), *headers))


def redirect(location: str, *headers: tuple[str, str]) -> Response:
    """Send the browser on, after a form: it then asks with GET, and reloading sends nothing twice."""
    moved = text(f"go on to {location}\n", HTTPStatus.SEE_OTHER)
    return Response(body=moved.body, status=moved.status, headers=(*moved.headers, ("Location", location), *headers))
