"""One organization through the REST API, with what pybuildkite has no calls for: clusters, team access, schedules."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pipeline_gen.errors import UsageError
from shipping.buildkite.answers import Absent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shipping.buildkite.rest import Rest

JsonObject = dict[str, Any]
TOKEN = "BUILDKITE_API_TOKEN"  # noqa: S105 - the variable's name
ENDPOINT = "BUILDKITE_REST_API_ENDPOINT"
"""As Buildkite's own command line calls it: another address of the REST API, a proxy's perhaps."""


class Organization:
    """Raises what `Rest` raises. Lists are whole: every page is read."""

    def __init__(self, rest: Rest, slug: str) -> None:
        self.rest = rest
        self.slug = slug

    def check(self) -> None:
        """Raise Absent where there is no such organization, or the token is not for it."""
        self._get("/pipelines")

    def scopes(self) -> frozenset[str]:
        """Return what the token may do."""
        found: JsonObject = self.rest.access_tokens().get_token()
        return frozenset(str(scope) for scope in found.get("scopes", ()))

    def pipeline(self, slug: str) -> JsonObject | None:
        """Return a pipeline, None where there is none (or none that the token's owner may see)."""
        return self._find(f"/pipelines/{_part(slug)}")

    def create_pipeline(self, settings: Mapping[str, Any]) -> JsonObject:
        return self.rest.create_pipeline(self.slug, settings)

    def update_pipeline(self, slug: str, settings: Mapping[str, Any]) -> JsonObject:
        return self.rest.update_pipeline(self.slug, _part(slug), settings)

    def clusters(self) -> list[JsonObject]:
        return self._all("/clusters")

    def create_cluster(self, name: str) -> JsonObject:
        return self._send("POST", "/clusters", {"name": name})

    def queues(self, cluster: str) -> list[JsonObject]:
        return self._all(f"/clusters/{_part(cluster)}/queues")

    def create_queue(self, cluster: str, key: str) -> JsonObject:
        return self._send("POST", f"/clusters/{_part(cluster)}/queues", {"key": key})

    def agents(self) -> list[JsonObject]:
        """Return the agents that are connected."""
        return self._all("/agents")

    def teams(self) -> list[JsonObject]:
        return self._all("/teams")

    def create_team(self, name: str) -> JsonObject:
        body = {
            "name": name,
            "description": "",
            "privacy": "visible",
            "is_default_team": False,
            "default_member_role": "member",
            "members_can_create_pipelines": False,
        }
        return self._send("POST", "/teams", body)

    def access(self, team: str, pipeline: str) -> str | None:
        """Return what a team may do with a pipeline (both by id), None where it has no access."""
        found = self._find(f"/teams/{_part(team)}/pipelines/{_part(pipeline)}")
        return None if found is None else str(found["access_level"])

    def give_access(self, team: str, pipeline: str, level: str) -> None:
        """Let a team to a pipeline that it has no access to."""
        self._send("POST", f"/teams/{_part(team)}/pipelines", {"pipeline_id": pipeline, "access_level": level})

    def change_access(self, team: str, pipeline: str, level: str) -> None:
        """Change the access that a team has."""
        self._send("PATCH", f"/teams/{_part(team)}/pipelines/{_part(pipeline)}", {"access_level": level})

    def schedules(self, pipeline: str) -> list[JsonObject]:
        return self._all(f"/pipelines/{_part(pipeline)}/schedules")

    def create_schedule(self, pipeline: str, schedule: Mapping[str, Any]) -> JsonObject:
        return self._send("POST", f"/pipelines/{_part(pipeline)}/schedules", schedule)

    def update_schedule(self, pipeline: str, schedule: str, changes: Mapping[str, Any]) -> JsonObject:
        return self._send("PUT", f"/pipelines/{_part(pipeline)}/schedules/{_part(schedule)}", changes)

    def _path(self, path: str) -> str:
        return f"organizations/{_part(self.slug)}{path}"

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        return self.rest.call("GET", self._path(path))

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> JsonObject:
        found: JsonObject = self.rest.call(method, self._path(path), body)
        return found

    def _find(self, path: str) -> JsonObject | None:
        try:
            found: JsonObject = self._get(path)
        except Absent:
            return None
        return found

    def _all(self, path: str) -> list[JsonObject]:
        return list(self.rest.listed(self._path(path)))


@contextlib.contextmanager
def opened(slug: str, environment: Mapping[str, str]) -> Iterator[Organization]:
    """Open an organization with the token, and at the address, that the environment names. Raises UsageError."""
    from shipping.buildkite.rest import API, Rest  # an HTTP library, which not everybody who names this room waits for

    address = environment.get(ENDPOINT) or API
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost"}:
        # The token goes along with every call: over the network it is not shown to everyone on the way.
        raise UsageError(f"cannot use {address!r} as the REST API: it is not https", hint=f"unset {ENDPOINT}")
    with contextlib.closing(Rest(environment.get(TOKEN, ""), base_url=address)) as rest:
        yield Organization(rest, slug)


def _part(name: str) -> str:
    """Return a name as one part of a path, whatever is in it."""
    return quote(name, safe="")
