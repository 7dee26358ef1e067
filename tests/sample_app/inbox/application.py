"""The WSGI application: finds the handler, turns errors into answers, adds the headers that every answer has."""

from __future__ import annotations

import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING

from inbox import scripts
from inbox.api import Api
from inbox.pages import Pages
from inbox.web import HttpError, Request, Router

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from inbox.services import Services
    from inbox.web import Response

SECURITY = (
    ("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; form-action 'self'"),
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
)


class Application:
    """Answers requests with the services it is given."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._api = Api(services)
        self._pages = Pages(services)
        self._router = Router()
        self._api.register(self._router)
        self._pages.register(self._router)
        scripts.register(self._router)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        response = self._answer(request)
        headers = [*response.headers, *SECURITY, ("Content-Length", str(len(response.body)))]
        start_response(f"{response.status.value} {response.status.phrase}", headers)
        return [] if request.method == "HEAD" else [response.body]

    def _answer(self, request: Request) -> Response:
        try:
            return self._router.handle(request)
        except HttpError as error:
            return self._explained(request, error)
        except Exception:
            # The last line of defence: the visitor learns that it failed, the log learns why.
            print(traceback.format_exc(), file=request.environ["wsgi.errors"])
            return self._explained(request, HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here"))

    def _explained(self, request: Request, error: HttpError) -> Response:
        if request.path.startswith("/api/"):
            return self._api.error(error)
        return self._pages.error(request, error)
