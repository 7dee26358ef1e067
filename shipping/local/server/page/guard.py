"""Whose form is it? Only a page of ours, read by the browser that sends it, may act; a page elsewhere may not.

Three things must agree: where the browser says the form stood (`Origin`, `Sec-Fetch-Site`), a cookie that only same-site
requests carry, and a token in the form that is made for that cookie with a secret of this process. Cookies are shared by all
ports of this machine: so the cookie alone is worth nothing, and its name carries our port.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from shipping.local.engine.rejection import Rejection
from shipping.local.server.tokens import same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

FIELD = "token"
STALE = "This page is from before a restart of the local Buildkite, or its cookie is gone: reload it and try again"


class Guard:
    """Draws its secret when the process starts: no form outlives it."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def visitor(self, request: Request) -> str:
        """Return who asks, by the cookie; a new name where there is none."""
        known = request.cookies.get(_cookie(request), "")
        return known if 20 <= len(known) <= 100 else secrets.token_urlsafe(24)

    def welcome(self, request: Request, response: Response, visitor: str) -> None:
        """Give the visitor the cookie."""
        if request.cookies.get(_cookie(request)) != visitor:
            response.set_cookie(_cookie(request), visitor, path="/", httponly=True, samesite="strict")

    def token(self, visitor: str) -> str:
        """Return the token that the visitor's forms carry."""
        return hmac.new(self._secret, visitor.encode(), hashlib.sha256).hexdigest()

    def check(self, request: Request, form: Mapping[str, list[str]]) -> None:
        """Raise Rejection (403) unless one of our own pages sent this form."""
        if not same_site(request) or request.headers.get("origin") != _own_origin(request):
            raise Rejection(
                "Only a page of this local Buildkite may do that: the request came from elsewhere", status=403
            )
        visitor = request.cookies.get(_cookie(request), "")
        if not same(form.get(FIELD, [""])[0], self.token(visitor)) or not visitor:
            raise Rejection(STALE, status=403)


def same_site(request: Request) -> bool:
    """Return whether the browser says that a page of this very address asks; old ones say nothing."""
    return request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _own_origin(request: Request) -> str:
    # As the browser reached us (a forwarded port is fine): the host's name has been checked before anything else.
    return f"http://{request.headers.get('host', '')}"


def _cookie(request: Request) -> str:
    return f"ship_page_{request.headers.get('host', '').rpartition(':')[2]}"
