"""The stream of server-sent events that keeps an open page true: one per page, naming the topics that have changed.

What a topic looks like now is not in it: the page asks for its parts again, in its own time.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from shipping.local.engine.rejection import Rejection
from shipping.local.server.page.guard import same_site
from shipping.local.server.wire import plane

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from shipping.local.server.live import Live, Watcher

TOPICS = 20
TOPIC_LENGTH = 100
GATHER = 0.1
"""Seconds between two events: a burst of transitions is one event."""

KEEP_ALIVE = 15.0
PATIENCE = 10.0
"""Seconds that a page may leave an event unread before it is let go."""


class Events(Response):
    """Tells one watcher its news until it leaves, stops reading, or the server stops."""

    def __init__(self, live: Live, watcher: Watcher, *, patience: float = PATIENCE) -> None:
        super().__init__(headers={"Cache-Control": "no-store"}, media_type="text/event-stream")
        del self.headers["content-length"]
        self._live = live
        self._watcher = watcher
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        both = [asyncio.ensure_future(self._talk(send)), asyncio.ensure_future(_gone(receive))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._live.leave(self._watcher)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _talk(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        # A page that lost us (a restart, a lid that was shut) comes back after a second.
        await self._say(send, "retry: 1000\n\n")
        while not self._watcher.closed:
            news = await self._watcher.hear(KEEP_ALIVE)
            await self._say(send, f"data: {json.dumps(news)}\n\n" if news else ": still here\n\n")
            await asyncio.sleep(GATHER)
        await send({"type": "http.response.body", "body": b""})

    async def _say(self, send: Send, text: str) -> None:
        message = {"type": "http.response.body", "body": text.encode(), "more_body": True}
        async with asyncio.timeout(self._patience):
            await send(message)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def events(request: Request) -> Response:
    """Open the stream of the topics that the page shows."""
    if not same_site(request):
        raise Rejection("The page's events are for the page only", status=403)
    topics = request.query_params.getlist("topic")
    if not topics or len(topics) > TOPICS or any(len(topic) > TOPIC_LENGTH for topic in topics):
        raise Rejection(f"Name what you watch: 'topic', at most {TOPICS} times", status=400)
    live = plane(request).live
    return Events(live, live.watch(topics))


ROUTES = [Route("/events", events, methods=["GET"])]
