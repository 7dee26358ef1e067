"""The scripts of the pages: the files of `web/` that a browser asks for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from inbox.web import Response

if TYPE_CHECKING:
    from inbox.web import Request, Router

FOLDER = Path(__file__).parent.parent / "web"


def register(router: Router) -> None:
    """Add a route for each script. They are read once: a release's do not change."""
    for path in sorted(FOLDER.glob("*.js")):
        router.add("GET", f"/web/{path.name}", partial(_answer, path.read_bytes()))


def _answer(body: bytes, _request: Request) -> Response:
    return Response(body=body, headers=(("Content-Type", "text/javascript; charset=utf-8"),))
