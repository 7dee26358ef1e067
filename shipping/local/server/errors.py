"""How a no is said: as Buildkite's JSON to programs, as a page to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from pipeline_gen.errors import InfraError
from shipping.local.engine.rejection import Rejection
from shipping.local.server.page.views import absent
from shipping.local.server.wire import answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from pipeline_gen.errors import ShipError

PROGRAMS = ("/v2/", "/v3/", "/uploads/", "/agentedge.")


async def rejected(request: Request, error: Exception) -> Response:
    """The engine or the edge said no, and why."""
    if not isinstance(error, Rejection):
        raise error
    return _said(request, error.message, error.status, [dict(one) for one in error.errors])


async def unanswered(request: Request, error: Exception) -> Response:
    """No such endpoint here: said by name, so that a newer agent's call is not mistaken for a missing thing."""
    if not isinstance(error, HTTPException):
        raise error
    return _said(request, f"{error.detail}: {request.method} {request.url.path}", error.status_code)


async def unkept(request: Request, error: Exception) -> Response:
    """We could not keep what was asked, and nothing has changed: agents try again, people are told what to do."""
    if not isinstance(error, InfraError):
        raise error
    return _said(request, sentence(error), 503)


def sentence(error: ShipError) -> str:
    """Return the error with its hint, as one line."""
    return f"{error.message}; hint: {error.hint}" if error.hint else error.message


async def failed(_: Request, error: Exception) -> Response:
    """A bug of ours. The status lets agents try again; the stack trace is in our log."""
    return answer({"message": f"the local Buildkite failed: {type(error).__name__}: {error}"}, 500)


def _said(request: Request, message: str, status: int, errors: Sequence[dict[str, str]] = ()) -> Response:
    if request.url.path.startswith(PROGRAMS):
        return answer({"message": message} | ({"errors": errors} if errors else {}), status)
    return absent(request, message, status)
