"""The same comments for programs, as JSON, and what operations ask of a process: ready, version, metrics."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from inbox import comments, migrate, outbox, paging, search, web

if TYPE_CHECKING:
    from inbox.services import Services
    from inbox.web import Request, Response, Router


@dataclass(frozen=True, slots=True)
class Api:
    """The handlers of ``/api`` and of the operations' addresses."""

    services: Services

    def register(self, router: Router) -> None:
        router.add("GET", "/api/comments", self.listing)
        router.add("POST", "/api/comments", self.create)
        router.add("GET", "/api/comments/{id}", self.show)
        router.add("GET", "/readyz", self.ready)
        router.add("GET", "/version", self.version)
        router.add("GET", "/metrics", self.metrics)

    def create(self, request: Request) -> Response:
        self._limit(request)
        sent = request.json()
        try:
            draft = comments.draft(sent.get("author"), sent.get("body"))
        except comments.Invalid as invalid:
            return web.data({"error": "invalid", "faults": invalid.faults}, HTTPStatus.UNPROCESSABLE_ENTITY)
        settings = self.services.settings
        added = comments.add(
            self.services.database, draft, now=self.services.clock(), release=settings.release, queue=settings.queue
        )
        location = (("Location", f"/api/comments/{added.id}"),)
        return web.data(self._shown(added), HTTPStatus.CREATED, location)

    def listing(self, request: Request) -> Response:
        asked = request.query
        try:
            page = comments.page(
                self.services.database,
                search.parse(asked.get("q", "")),
                after=asked.get("after"),
                limit=paging.size(asked.get("size")),
            )
        except paging.BadCursor as error:
            raise web.HttpError(HTTPStatus.BAD_REQUEST, str(error)) from error
        return web.data({"comments": [self._shown(comment) for comment in page.items], "next": page.next})

    def show(self, request: Request, id: int) -> Response:  # noqa: A002, ARG002 - named by the route
        comment = comments.get(self.services.database, id)
        if comment is None:
            raise web.HttpError(HTTPStatus.NOT_FOUND, f"there is no comment {id}")
        return web.data(self._shown(comment))

    def ready(self, request: Request) -> Response:  # noqa: ARG002 - every handler takes it
        try:
            current = migrate.is_current(self.services.database)
        except sqlite3.Error as error:
            return web.text(f"not ready: the database does not answer ({error})\n", HTTPStatus.SERVICE_UNAVAILABLE)
        if not current:
            return web.text("not ready: run python -m inbox.migrate expand\n", HTTPStatus.SERVICE_UNAVAILABLE)
        return web.text("ready\n")

    def version(self, request: Request) -> Response:  # noqa: ARG002 - every handler takes it
        return web.text(self.services.settings.release + "\n")

    def metrics(self, request: Request) -> Response:  # noqa: ARG002 - every handler takes it
        """Answer in the text format of Prometheus: the heartbeat by release, and the length of the queue."""
        settings = self.services.settings
        place = f'environment="{settings.environment}"'
        lines = ["# TYPE inbox_comments_created_total counter"]
        for release, count in comments.created_by_release(self.services.database).items():
            lines.append(f'inbox_comments_created_total{{{place},release="{release}"}} {count}')
        lines.append("# TYPE inbox_outbox_deliveries gauge")
        for state, count in outbox.counts(self.services.database, queue=settings.queue).items():
            lines.append(f'inbox_outbox_deliveries{{{place},state="{state}"}} {count}')
        return web.text("\n".join(lines) + "\n")

    def error(self, error: web.HttpError) -> Response:
        return web.data({"error": str(error)}, error.status, error.headers)

    def _limit(self, request: Request) -> None:
        wait = self.services.comments.wait_for(request.visitor)
        if wait:
            again = (("Retry-After", str(math.ceil(wait))),)
            raise web.HttpError(HTTPStatus.TOO_MANY_REQUESTS, "too many comments from this address", again)

    def _shown(self, comment: comments.Comment) -> dict[str, Any]:
        status = outbox.status(self.services.database, comment.id)
        return {
            "id": comment.id,
            "author": comment.author,
            "body": comment.body,
            "created_at": datetime.fromtimestamp(comment.created_at, UTC).isoformat(timespec="seconds"),
            "delivery": status.state if status else "unknown",
        }
