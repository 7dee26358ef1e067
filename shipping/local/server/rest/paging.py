"""Lists, a page at a time, with the ``Link`` header that says where the next one is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from shipping.local.engine.rejection import Rejection
from shipping.local.server.wire import answer, plane

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from starlette.requests import Request
    from starlette.responses import Response

    T = TypeVar("T")

PER_PAGE = 30
MOST_PER_PAGE = 100


def paged(request: Request, found: Sequence[T], told: Callable[[T], object]) -> Response:
    """Answer with the page that is asked for; only its items are described. Page 0 is the first, as clients send it."""
    page = max(_number(request, "page", 1), 1)
    size = min(max(_number(request, "per_page", PER_PAGE), 1), MOST_PER_PAGE)
    last = max((len(found) + size - 1) // size, 1)
    response = answer([told(item) for item in found[(page - 1) * size : page * size]])
    links = [("next", page + 1), ("last", last)] if page < last else []
    if page > 1:
        links += [("prev", page - 1), ("first", 1)]
    if links:
        response.headers["Link"] = ", ".join(f'<{_address(request, number)}>; rel="{name}"' for name, number in links)
    return response


def _address(request: Request, page: int) -> str:
    # The page stands first: pybuildkite takes everything behind "page=" up to the next "&" for the number.
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
    kept = kept or [("per_page", str(PER_PAGE))]
    return f"{plane(request).site.url}{request.url.path}?page={page}&{urlencode(kept)}"


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise Rejection(f"{name!r} must be a whole number", status=422)
    return int(value)
