"""An agent and a REST caller of plain HTTP: they can say what the real ones would never say."""

from __future__ import annotations

import gzip
import http.client
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.local.control import ControlInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever came
        return json.loads(self.raw)

    @property
    def message(self) -> str:
        return str(self.json["message"])


def call(
    info: ControlInfo,
    method: str,
    path: str,
    *,
    authorization: str | None = None,
    body: object = None,
    raw: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request on a connection of its own; ``body`` goes as JSON, ``raw`` as it is."""
    connection = http.client.HTTPConnection(urlsplit(info.url).netloc, timeout=10)
    sent = dict(headers or {})
    if authorization is not None:
        sent["Authorization"] = authorization
    content = json.dumps(body).encode() if body is not None else raw
    try:
        connection.request(method, path, body=content, headers=sent)
        response = connection.getresponse()
        return Answer(status=response.status, headers=dict(response.getheaders()), raw=response.read())
    finally:
        connection.close()


@dataclass(slots=True)
class Rest:
    info: ControlInfo

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Answer:  # noqa: ANN401 - as `call` takes them
        return call(
            self.info,
            method,
            f"/v2/organizations/{self.info.organization}{path}",
            authorization=f"Bearer {self.info.api_token}",
            body=body,
            **more,
        )

    def pipeline(self, *steps: object, slug: str = "inbox", repository: str = "git@git.example:inbox.git") -> None:
        answer = self.call(
            "POST",
            "/pipelines",
            {"name": slug, "repository": repository, "configuration": json.dumps({"steps": list(steps)})},
        )
        assert answer.status == 201, answer.raw

    def token(self, *scopes: str) -> str:
        """Make a token that has these scopes only."""
        asked = {"description": "of a test", "scopes": list(scopes)}
        own = f"Bearer {self.info.api_token}"
        answer = call(self.info, "POST", "/v2/access-token", authorization=own, body=asked)
        assert answer.status == 201, answer.raw
        return str(answer.json["token"])

    def build(self, *, slug: str = "inbox", **more: object) -> dict[str, Any]:
        answer = self.call(
            "POST", f"/pipelines/{slug}/builds", {"commit": "HEAD", "branch": "main", "message": "m", **more}
        )
        assert answer.status == 201, answer.raw
        created: dict[str, Any] = answer.json
        return created

    def start(self, *steps: object, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as `build` takes them
        """Create a pipeline of these steps and a build of it."""
        self.pipeline(*steps)
        return self.build(**more)

    def read(self, number: int = 1, *, slug: str = "inbox", retried: bool = True) -> dict[str, Any]:
        found: dict[str, Any] = self.call(
            "GET", f"/pipelines/{slug}/builds/{number}?include_retried_jobs={str(retried).lower()}"
        ).json
        return found

    def states(self, number: int = 1) -> dict[str, str]:
        return {job["step_key"]: job["state"] for job in self.read(number)["jobs"] if job["step_key"]}


@dataclass(slots=True)
class FakeAgent:
    """Speaks the agent's API by hand, with the session token it got, or any other."""

    info: ControlInfo
    id: str
    session: str

    @classmethod
    def register(cls, info: ControlInfo, *tags: str, name: str = "fake") -> FakeAgent:
        answer = call(
            info,
            "POST",
            "/v3/register",
            authorization=f"Token {info.agent_token}",
            body={"name": name, "meta_data": list(tags), "version": "3.83.1", "pid": 1},
        )
        assert answer.status == 200, answer.raw
        agent = cls(info, answer.json["id"], answer.json["access_token"])
        assert agent.call("POST", "/connect").status == 200
        return agent

    def call(self, method: str, path: str, body: object = None, *, token: str = "", **more: Any) -> Answer:  # noqa: ANN401 - as `call` takes them
        return call(self.info, method, f"/v3{path}", authorization=f"Token {token or self.session}", body=body, **more)

    def ping(self) -> str | None:
        answer = self.call("GET", "/ping")
        assert answer.status == 200, answer.raw
        job = answer.json.get("job")
        return None if job is None else str(job["id"])

    def accept(self) -> Work | None:
        job_id = self.ping()
        if job_id is None:
            return None
        answer = self.call("PUT", f"/jobs/{job_id}/accept")
        assert answer.status == 200, answer.raw
        return Work(agent=self, id=job_id, token=answer.json["token"], env=answer.json["env"], told=answer.json)

    def begin(self) -> Work:
        work = self.accept()
        assert work is not None, "no job was offered"
        assert work.call("PUT", "/start", {"started_at": "now"}).status == 200
        return work


@dataclass(slots=True, kw_only=True)
class Work:
    """One job in an agent's hands."""

    agent: FakeAgent
    id: str
    token: str
    env: dict[str, str]
    told: dict[str, Any]

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Answer:  # noqa: ANN401 - as `call` takes them
        """Call something below the job itself."""
        return self.agent.call(method, f"/jobs/{self.id}{path}", body, token=self.token, **more)

    def beside(self, method: str, path: str, body: object = None) -> Answer:
        """Call something that is not below the job."""
        return self.agent.call(method, path, body, token=self.token)

    def finish(self, exit_status: int = 0, **how: str) -> Answer:
        return self.call("PUT", "/finish", {"exit_status": str(exit_status), **how})

    def upload(self, *steps: object, upload_id: str | None = None, **top: object) -> Answer:
        document = {"steps": list(steps), **top}
        return self.call(
            "POST", "/pipelines?async=true", {"uuid": upload_id or str(uuid.uuid4()), "pipeline": document}
        )

    def log(self, sequence: int, text: str, *, size: int | None = None) -> Answer:
        content = text.encode()
        return self.call(
            "POST",
            f"/chunks?sequence={sequence}&offset=0&size={len(content) if size is None else size}",
            raw=gzip.compress(content),
            headers={"Content-Type": "text/plain", "Content-Encoding": "gzip"},
        )

    def announce(self, *artifacts: dict[str, Any], batch: str | None = None) -> Answer:
        return self.call("POST", "/artifacts", {"id": batch or str(uuid.uuid4()), "artifacts": list(artifacts)})

    def keep(self, path: str, content: bytes) -> str:
        """Upload one artifact as the agent does; return its id."""
        told = self.announce({"path": path, "file_size": len(content), "content_type": "text/plain"})
        assert told.status == 201, told.raw
        (artifact,) = told.json["artifact_ids"]
        address = told.json["per_artifact_instructions"][artifact]["action"]["path"]
        assert put_form(self.agent.info, address, content).status == 201
        done = self.call("PUT", "/artifacts", {"artifacts": [{"id": artifact, "state": "finished"}]})
        assert done.status == 200, done.raw
        return str(artifact)

    def search(self, query: str, **more: str) -> list[dict[str, Any]]:
        asked = "&".join(f"{name}={value}" for name, value in {"query": query, "state": "finished", **more}.items())
        answer = self.beside("GET", f"/builds/{self.env['BUILDKITE_BUILD_ID']}/artifacts/search?{asked}")
        assert answer.status == 200, answer.raw
        found: list[dict[str, Any]] = answer.json
        return found


def put_form(info: ControlInfo, path: str, content: bytes, *, name: str = "file") -> Answer:
    """Send a file as a form; no token, as agents do."""
    head = f'--mark\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n'.encode()
    return call(
        info,
        "POST",
        path,
        raw=head + content + b"\r\n--mark--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=mark"},
    )
