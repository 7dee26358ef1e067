"""Buildkite's REST API: pybuildkite, made safe to rely on. Time-outs, back-off, our errors; nulls and clusters where asked.

The only importer of pybuildkite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, quote, urlsplit

import requests
from pybuildkite.buildkite import Buildkite
from pybuildkite.client import Client
from pybuildkite.client import Response as Page

from pipeline_gen.clock import Clock, SystemClock
from pipeline_gen.errors import UsageError
from shipping.buildkite import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

API = "https://api.buildkite.com/v2/"
TIMEOUT = (5.0, 30.0)  # seconds: to connect, and between two bytes
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds; a Retry-After of the server's goes before
# A second build, or a second retry, is not what was asked for: where the answer to these is lost, a person decides.
NOT_TWICE = ("/rebuild", "/retry")


class Literally(dict[str, Any]):
    """A body whose nulls are meant. pybuildkite drops them: for its own methods None is "not given"."""


class Rest(Buildkite):
    """pybuildkite's client at any address. Raises Refused, UsageError (token), InfraError; the token is in no message."""

    client: RestClient

    def __init__(self, token: str, *, base_url: str = API, clock: Clock | None = None) -> None:
        if not token:
            raise UsageError(
                "cannot use Buildkite's REST API: there is no token", hint="export BUILDKITE_API_TOKEN=..."
            )
        super().__init__()  # type: ignore[no-untyped-call]
        self.base_url = f"{base_url.rstrip('/')}/"
        self.client = RestClient(token, clock=clock or SystemClock())

    def close(self) -> None:
        """Close the connections that are kept alive."""
        self.client.close()

    def create_pipeline(self, organization: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Create a pipeline from its settings as the API names them; pybuildkite's own call cannot say ``cluster_id``."""
        return self._literally("POST", f"organizations/{organization}/pipelines", settings)

    def update_pipeline(self, organization: str, pipeline: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Change a pipeline's settings; a null clears one."""
        return self._literally("PATCH", f"organizations/{organization}/pipelines/{pipeline}", settings)

    def create_build(self, organization: str, pipeline: str, build: Mapping[str, Any]) -> dict[str, Any]:
        """Create a build from its fields as the API names them."""
        return self._literally("POST", f"organizations/{organization}/pipelines/{pipeline}/builds", build)

    def pages(self, call: Callable[..., Any], *arguments: object, **named: object) -> Iterator[dict[str, Any]]:
        """Yield every item of one of pybuildkite's lists, page after page."""
        page = 1
        while page:
            response = call(*arguments, page=page, with_pagination=True, **named)
            yield from response.body
            page = int(response.next_page or 0)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Make a call that pybuildkite has no method for; ``path`` is below ``/v2/``, nulls in the body are sent."""
        return self.client.request(method, f"{self.base_url}{path}", body=None if body is None else Literally(body))

    def listed(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield every item of a list that pybuildkite has no method for, page after page."""

        def read(*, page: int, with_pagination: bool) -> Any:  # noqa: ANN401 - a page, as pybuildkite has it
            where = f"{self.base_url}{path}"
            return self.client.request("GET", where, {"page": page}, with_pagination=with_pagination)

        return self.pages(read)

    def _literally(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return cast("dict[str, Any]", self.client.request(method, f"{self.base_url}{path}", body=Literally(body)))


class RestClient(Client):
    """The transport below pybuildkite's calls."""

    def __init__(self, token: str, *, clock: Clock) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.set_client_access_token(token)  # type: ignore[no-untyped-call]
        self._clock = clock
        self.server_time = ""
        """The Date header of the last answer."""
        self._session = requests.Session()
        # A .netrc entry for the host would replace our Authorization header.
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def request(
        self,
        method: str,
        url: str,
        query_params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        with_pagination: bool = False,  # noqa: FBT001, FBT002 - pybuildkite's signature
        as_stream: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:  # noqa: ANN401 - JSON, bytes or a page, as pybuildkite's callers expect
        """Make a request, again where that is safe, and return what pybuildkite would."""
        accept = (headers or {}).get("Accept", "application/json")
        response = self._insist(
            method, url, query=self._query(query_params), body=body, accept=accept, stream=as_stream
        )
        if with_pagination:
            return _page(response)
        if method == "DELETE" or response.status_code == 204 or "Content-Type" not in response.headers:
            return response.ok
        if as_stream:
            return response.iter_content(chunk_size=None)
        return response.json() if accept == "application/json" else response.content

    def _query(self, given: Mapping[str, Any] | None) -> str:
        """Encode the query. pybuildkite hands over states and branches already encoded, under the name of the first."""
        parts = [f"per_page={self.per_page}"]
        for name, value in (given or {}).items():
            if value is None:
                continue
            parts.append(str(value) if name in {"state", "branch"} else f"{name}={quote(str(value), safe='')}")
        return "&".join(part for part in parts if part)

    def _insist(
        self, method: str, url: str, *, query: str, body: Mapping[str, Any] | None, accept: str, stream: bool
    ) -> requests.Response:
        sent = None if body is None else _body(body)
        repeatable = method != "POST" and not url.endswith(NOT_TWICE)
        pauses = iter(PAUSES)
        while True:
            failed = self._attempt(method, url, query=query, body=sent, accept=accept, stream=stream)
            if isinstance(failed, requests.Response):
                self.server_time = failed.headers.get("Date", "")
            if isinstance(failed, requests.Response) and failed.ok:
                return failed
            pause = next(pauses, None)
            if pause is None or not answers.again(failed, repeatable=repeatable):
                raise answers.failure(method, url, failed)
            self._clock.sleep(answers.pause(failed, pause))

    def _attempt(
        self, method: str, url: str, *, query: str, body: Mapping[str, Any] | None, accept: str, stream: bool
    ) -> requests.Response | requests.RequestException:
        headers = {"Authorization": f"Bearer {self.access_token}", "Accept": accept}
        try:
            return self._session.request(
                method, url, params=query.encode(), json=body, headers=headers, stream=stream, timeout=TIMEOUT
            )
        except requests.RequestException as error:
            return error


def _page(response: requests.Response) -> Page:
    """Return a page as pybuildkite does; its own reader stumbles where the page's number is the last of the address."""
    page = Page(response.json())  # type: ignore[no-untyped-call]
    for name, link in response.links.items():
        found = parse_qs(urlsplit(link["url"]).query).get("page")
        if found:
            setattr(page, f"{name}_page".replace("prev_", "previous_"), int(found[0]))
    return page


def _body(body: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(body, Literally):
        return dict(body)
    return {name: value for name, value in body.items() if value is not None}
