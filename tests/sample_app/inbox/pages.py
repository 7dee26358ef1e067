"""What people see in a browser: the comments with their form, and for staff the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from inbox import accounts, comments, outbox, paging, rendering, search, sessions, web

if TYPE_CHECKING:
    from inbox.services import Services
    from inbox.web import Request, Response, Router

PAGE_SIZE = 10


@dataclass(frozen=True, slots=True)
class Pages:
    """The handlers of the pages."""

    services: Services

    def register(self, router: Router) -> None:
        router.add("GET", "/", self.listing)
        router.add("POST", "/comments", self.write)
        router.add("GET", "/comments/{id}", self.show)
        router.add("GET", "/login", self.login_form)
        router.add("POST", "/login", self.login)
        router.add("POST", "/logout", self.logout)
        router.add("GET", "/outbox", self.outbox)
        router.add("POST", "/outbox/{id}/revive", self.revive)

    def listing(self, request: Request) -> Response:
        return self._listing(request)

    def write(self, request: Request) -> Response:
        _same_origin(request)
        form = request.form()
        wait = self.services.comments.wait_for(request.visitor)
        if wait:
            faults = {"body": f"you write very fast; try again in {wait:.0f} s"}
            return self._listing(request, HTTPStatus.TOO_MANY_REQUESTS, form, faults)
        try:
            draft = comments.draft(form.get("author"), form.get("body"))
        except comments.Invalid as invalid:
            return self._listing(request, HTTPStatus.BAD_REQUEST, form, invalid.faults)
        settings = self.services.settings
        added = comments.add(
            self.services.database, draft, now=self.services.clock(), release=settings.release, queue=settings.queue
        )
        return web.redirect(f"/comments/{added.id}")

    def show(self, request: Request, id: int) -> Response:  # noqa: A002 - named by the route
        comment = comments.get(self.services.database, id)
        if comment is None:
            raise web.HttpError(HTTPStatus.NOT_FOUND, f"there is no comment {id}")
        status = outbox.status(self.services.database, id)
        return self._page("comment.html", request, comment=comment, status=status)

    def login_form(self, request: Request) -> Response:
        return self._page("login.html", request, name="", fault=None)

    def login(self, request: Request) -> Response:
        _same_origin(request)
        form = request.form()
        name = form.get("name", "")
        if self.services.logins.wait_for(accounts.account_key(name)):
            return self._refused(request, name, HTTPStatus.TOO_MANY_REQUESTS, "too many attempts; wait a little")
        account = accounts.authenticate(
            self.services.database, name, form.get("password", ""), cost=self.services.password_cost
        )
        if account is None:
            return self._refused(request, name, HTTPStatus.FORBIDDEN, "name and password do not belong together")
        value = sessions.issue(self.services.secret, account, now=self.services.clock())
        return web.redirect("/outbox", _cookie(request, value, sessions.LASTS))

    def logout(self, request: Request) -> Response:
        _same_origin(request)
        return web.redirect("/", _cookie(request, "", 0))

    def outbox(self, request: Request) -> Response:
        self._staff(request)
        queue = self.services.settings.queue
        letters = [
            (comments.get(self.services.database, number), error)
            for number, error in outbox.dead_letters(self.services.database, queue=queue)
        ]
        counts = outbox.counts(self.services.database, queue=queue)
        return self._page("outbox.html", request, counts=counts, letters=letters)

    def revive(self, request: Request, id: int) -> Response:  # noqa: A002 - named by the route
        _same_origin(request)
        self._staff(request)
        if not outbox.revive(self.services.database, id, now=self.services.clock()):
            raise web.HttpError(HTTPStatus.CONFLICT, f"the delivery of comment {id} is not dead")
        return web.redirect("/outbox")

    def error(self, request: Request, error: web.HttpError) -> Response:
        page = self._page("error.html", request, error.status, status=error.status, message=str(error))
        return web.Response(body=page.body, status=page.status, headers=(*page.headers, *error.headers))

    def _listing(
        self,
        request: Request,
        status: HTTPStatus = HTTPStatus.OK,
        form: dict[str, str] | None = None,
        faults: dict[str, str] | None = None,
    ) -> Response:
        typed = request.query.get("q", "")
        try:
            page = comments.page(
                self.services.database, search.parse(typed), after=request.query.get("after"), limit=PAGE_SIZE
            )
        except paging.BadCursor as error:
            raise web.HttpError(HTTPStatus.BAD_REQUEST, str(error)) from error
        return self._page("listing.html", request, status, page=page, q=typed, form=form or {}, faults=faults or {})

    def _refused(self, request: Request, name: str, status: HTTPStatus, fault: str) -> Response:
        return self._page("login.html", request, status, name=name, fault=fault)

    def _page(self, template: str, request: Request, code: HTTPStatus = HTTPStatus.OK, /, **values: object) -> Response:
        body = rendering.render(template, person=self._person(request), **values)
        return web.html(body, code)

    def _person(self, request: Request) -> str | None:
        cookie = request.cookie(sessions.COOKIE)
        # Whoever has no cookie needs no secret: pages for customers do without that query.
        return sessions.read(self.services.secret, cookie, now=self.services.clock()) if cookie else None

    def _staff(self, request: Request) -> None:
        if self._person(request) is None:
            raise web.HttpError(HTTPStatus.FORBIDDEN, "log in to see the outbox")


def _same_origin(request: Request) -> None:
    """Refuse a form that another site's page sent with our cookie."""
    origin = request.header("Origin")
    if origin is not None and urlsplit(origin).netloc != request.header("Host"):
        raise web.HttpError(HTTPStatus.FORBIDDEN, "this form was not sent from our own page")


def _cookie(request: Request, value: str, lasts: int) -> tuple[str, str]:
    secure = "; Secure" if request.environ.get("wsgi.url_scheme") == "https" else ""
    return "Set-Cookie", f"{sessions.COOKIE}={value}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax{secure}"
