"""A browser without a network: calls a WSGI application, checks that it keeps to WSGI, remembers cookies."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    log: str

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Browser:
    """Sends requests to the application; ``headers`` go with each."""

    application: WSGIApplication
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, address: str) -> Answer:
        return self.send("GET", address)

    def post(self, address: str, **fields: str) -> Answer:
        return self.send("POST", address, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def post_json(self, address: str, value: object) -> Answer:
        return self.send("POST", address, json.dumps(value).encode(), "application/json")

    def send(self, method: str, address: str, body: bytes = b"", kind: str = "text/plain") -> Answer:
        log = io.StringIO()
        parts = urlsplit(address)
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": log,
            **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in self.headers.items()},
        }
        if method == "POST":
            environ |= {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body))}
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        setup_testing_defaults(environ)
        return self._call(environ, log)

    def _call(self, environ: dict[str, Any], log: io.StringIO) -> Answer:
        began: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            del error
            began.append((status, headers))
            return lambda _: None

        answer = validator(self.application)(environ, start_response)
        try:
            body = b"".join(answer)
        finally:
            answer.close()  # type: ignore[attr-defined]
        ((status, headers),) = began
        self._remember(dict(headers))
        return Answer(int(status.split(" ")[0]), dict(headers), body, log.getvalue())

    def _remember(self, headers: dict[str, str]) -> None:
        if "Set-Cookie" in headers:
            name, _, value = headers["Set-Cookie"].split(";")[0].partition("=")
            self.cookies[name] = value
