"""Pages made of parts. A part is a template with a name of its own, so that an open page can ask for it alone.

``?only=NAME`` (repeated) on a page's address gives just these parts; without it the page is whole, and works so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from shipping.local.engine.states import AgentState
from shipping.local.hosts.published import published
from shipping.local.server.page.guard import FIELD, Guard
from shipping.local.server.page.terminal import palette
from shipping.local.server.wire import plane

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request

    from shipping.local.server.page.tree import Node

HERE = files(__package__)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    # With "no-referrer" a browser would not say where a form of ours stood either.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
TEMPLATES = Environment(
    loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
ASSETS = {
    "/style.css": ("text/css", HERE.joinpath("style.css").read_text() + palette()),
    "/page.js": ("text/javascript", HERE.joinpath("page.js").read_text()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """``topics`` say when it is to be asked for again; ``told`` gives what its template needs, when it is needed."""

    name: str
    topics: tuple[str, ...]
    told: Callable[[], Mapping[str, Any]]


@lru_cache(maxsize=4096)
def leaf(node: Node, token: str) -> Markup:
    """Draw a job's line of the tree. Of a build's hundreds most stay as they are when one changes."""
    text = TEMPLATES.get_template("leaf.html").render(one=node, token=token, token_field=FIELD)
    return Markup(text)  # noqa: S704 - drawn by an escaping template


def guard(request: Request) -> Guard:
    """Return the guard of the forms."""
    found: Guard = request.app.state.guard
    return found


def respond(
    request: Request, template: str, *, status: int = 200, parts: Sequence[Part] = (), **told: object
) -> Response:
    """Answer with a page, or with the parts of it that are asked for."""
    visitor = guard(request).visitor(request)
    shared = _shared(request, guard(request).token(visitor)) | told
    only = set(request.query_params.getlist("only"))
    drawn = {part.name: _draw(part, shared) for part in parts if not only or part.name in only}
    if only and parts:
        response = HTMLResponse("".join(drawn.values()), status_code=status, headers=HEADERS)
    else:
        text = TEMPLATES.get_template(template).render(shared | {"parts": drawn})
        response = HTMLResponse(text, status_code=status, headers=HEADERS)
    guard(request).welcome(request, response, visitor)
    return response


def _draw(part: Part, shared: Mapping[str, Any]) -> Markup:
    inner = TEMPLATES.get_template(f"parts/{part.name}.html").render({**shared, **part.told()})
    frame = Markup('<div id="{}" data-topics="{}" tabindex="-1">{}</div>')
    return frame.format(part.name, " ".join(part.topics), Markup(inner))  # noqa: S704 - drawn by an escaping template


def _shared(request: Request, token: str) -> dict[str, Any]:
    world = plane(request)
    return {
        "organization": world.site.organization,
        "agents_here": sum(agent.state is AgentState.CONNECTED for agent in world.state.agents.values()),
        "hosts_here": len(published(world.folder)),
        "here": "",
        "refresh": False,
        # Without its fragment: a page that goes to a place in itself is not loaded again.
        "address": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "token_field": FIELD,
        "token": token,
        "leaf": partial(leaf, token=token),
    }


async def asset(request: Request) -> Response:
    """The one stylesheet, the one script."""
    kind, text = ASSETS[request.url.path]
    return Response(text, media_type=kind, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"})


ROUTES = [Route(path, asset, methods=["GET"]) for path in ASSETS]
