"""A client that wants what is not its own."""

from __future__ import annotations

import gzip
import re
import stat
import uuid
from typing import TYPE_CHECKING

import pytest

from shipping.local.server.app import REST_API
from shipping.local.server.wire import BODY_LIMIT
from tests.integration.local.clients import FakeAgent, call, put_form

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.control import ControlInfo
    from tests.integration.local.clients import Rest, Work

STEPS = ({"key": "a", "command": "x"}, {"key": "b", "command": "y"})

OF_A_JOB = [
    ("PUT", "/start"),
    ("GET", ""),
    ("PUT", "/finish"),
    ("POST", "/chunks?sequence=1&offset=0&size=0"),
    ("POST", "/pipelines"),
    ("POST", "/data/set"),
    ("POST", "/data/get"),
    ("POST", "/artifacts"),
    ("PUT", "/artifacts"),
    ("POST", "/annotations"),
    ("DELETE", "/annotations/x"),
    ("GET", "/secrets"),
    ("POST", "/oidc/tokens"),
]


@pytest.fixture
def pair(rest: Rest, agent: FakeAgent, control: ControlInfo) -> tuple[Work, Work]:
    """Two jobs of one build, in the hands of two agents."""
    rest.start(*STEPS)
    return agent.begin(), FakeAgent.register(control, name="two").begin()


def test_a_jobs_token_is_for_that_job(pair: tuple[Work, Work]) -> None:
    """With another's: 403. With a session's, the registration's, the API's, none: 401."""
    own, other = pair
    agent = own.agent
    wrong = (agent.session, agent.info.agent_token, agent.info.api_token, own.token[:-1] + "x", "x", "\xe9")
    for method, path in OF_A_JOB:
        target = f"/jobs/{other.id}{path}"
        assert agent.call(method, target, token=own.token).status == 403, (method, path)
        assert [agent.call(method, target, token=token).status for token in wrong] == [401] * len(wrong), (method, path)
        assert call(agent.info, method, f"/v3{target}").status == 401, (method, path)


def test_a_jobs_token_ends_with_the_job(pair: tuple[Work, Work]) -> None:
    """What outlives a job (its agent was killed, it was not) can do nothing in its name. 401 stops an agent that lives."""
    own, _ = pair
    own.finish(0)

    for method, path in OF_A_JOB:
        answer = own.call(method, path, {"exit_status": "1"} if path == "/finish" else None)
        assert answer.status == (409 if path == "/finish" else 401), (method, path)


def test_a_session_needs_its_own_token(pair: tuple[Work, Work]) -> None:
    own, _ = pair

    for method, path in (("GET", "/ping"), ("POST", "/heartbeat"), ("POST", "/connect"), ("POST", "/disconnect")):
        for token in (own.token, own.agent.info.agent_token, own.agent.info.api_token, "bkas_x_y"):
            assert own.agent.call(method, path, token=token).status == 401, (method, path)


def test_only_the_registration_token_registers(control: ControlInfo, agent: FakeAgent) -> None:
    for token in (agent.session, control.api_token, "", control.agent_token + "x"):
        answer = call(control, "POST", "/v3/register", authorization=f"Token {token}", body={"name": "x"})
        assert answer.status == 401


def test_a_job_is_accepted_by_whom_it_was_offered(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    rest.start(STEPS[0])
    thief = FakeAgent.register(control, name="thief")
    job = agent.ping()

    assert thief.call("PUT", f"/jobs/{job}/accept").status == 422
    assert agent.call("PUT", f"/jobs/{job}/accept").status == 200


def test_another_builds_steps_and_meta_data_cannot_be_changed(
    rest: Rest, agent: FakeAgent, control: ControlInfo
) -> None:
    """Reading is allowed, as at Buildkite."""
    first = rest.start(STEPS[0])
    second = rest.build()
    own, other = agent.begin(), FakeAgent.register(control, name="two").begin()
    assert (own.env["BUILDKITE_BUILD_ID"], other.env["BUILDKITE_BUILD_ID"]) == (first["id"], second["id"])
    other.call("POST", "/data/set", {"key": "k", "value": "theirs"})

    assert own.beside("POST", f"/builds/{second['id']}/data/get", {"key": "k"}).json["value"] == "theirs"
    assert own.beside("POST", f"/builds/{second['id']}/data/set", {"key": "k", "value": "mine"}).status == 404
    change = {"idempotency_uuid": "u", "build_id": second["id"], "attribute": "label", "value": "mine"}
    assert own.beside("PUT", "/steps/a", change).status == 403
    assert own.beside("PUT", f"/steps/{other.env['BUILDKITE_STEP_ID']}", change | {"build_id": ""}).status == 404


def test_an_upload_replayed_by_another_job_or_with_other_steps(pair: tuple[Work, Work], rest: Rest) -> None:
    own, other = pair
    upload_id = str(uuid.uuid4())
    assert own.upload({"key": "c", "command": "z"}, upload_id=upload_id).status == 200

    assert other.upload({"key": "d", "command": "z"}, upload_id=upload_id).status == 422
    assert other.upload({"key": "c", "command": "z"}, upload_id=upload_id).status == 200
    assert sorted(rest.states()) == ["a", "b", "c"]


def test_an_artifacts_address_cannot_be_guessed_nor_used_twice(pair: tuple[Work, Work], control: ControlInfo) -> None:
    """Its id is no address; what is finished is not overwritten; another job cannot conclude it."""
    own, other = pair
    told = own.announce({"path": "a", "file_size": 1}).json
    artifact, address = told["artifact_ids"][0], told["upload_instructions"]["action"]["path"]

    assert put_form(control, f"/uploads/{artifact}", b"x").status == 404
    assert other.call("PUT", "/artifacts", {"artifacts": [{"id": artifact, "state": "finished"}]}).status == 404
    assert put_form(control, address, b"x").status == 201
    own.call("PUT", "/artifacts", {"artifacts": [{"id": artifact, "state": "finished"}]})
    assert put_form(control, address, b"y").status == 404
    assert call(control, "GET", f"/downloads/{artifact}").status == 404


def test_no_path_of_an_artifact_becomes_a_path_here(
    pair: tuple[Work, Work], control: ControlInfo, tmp_path: Path
) -> None:
    """It is only a name: the bytes lie under an id of ours."""
    own, _ = pair
    paths = ["../../../escape", "/etc/escape", "a/../../escape", "..", "a\0b", "C:\\escape", "x" * 5000]

    artifacts = [own.keep(path, path.encode()) for path in paths]

    assert {file.name for file in (tmp_path / "state" / "artifacts").iterdir()} == set(artifacts)
    assert [file for file in tmp_path.rglob("*") if "escape" in file.name] == []
    found = own.search("*")
    assert [one["path"] for one in found] == paths
    for one in found:
        answer = call(control, "GET", one["url"].removeprefix(control.url))
        assert (answer.status, answer.raw) == (200, one["path"].encode())


def test_downloads_take_no_paths(control: ControlInfo) -> None:
    for secret in ("..%2F..%2Fledger.sqlite3", "%2E%2E", "x", "%00"):
        assert call(control, "GET", f"/downloads/{secret}").status == 404


def test_a_download_is_not_our_page(pair: tuple[Work, Work], control: ControlInfo) -> None:
    """HTML from a job is saved, never shown; and its type cannot bring headers of its own."""
    own, _ = pair
    for kind in ("text/html", "text/plain; x\r\nSet-Cookie: a=b", "image/svg+xml"):
        told = own.announce({"path": "a.html", "file_size": 1, "content_type": kind}).json
        put_form(control, told["upload_instructions"]["action"]["path"], b"x")
        own.call("PUT", "/artifacts", {"artifacts": [{"id": told["artifact_ids"][0], "state": "finished"}]})
    answers = [
        call(control, "GET", one["url"].removeprefix(control.url)) for one in own.search("*", include_duplicates="true")
    ]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.headers["content-type"] for answer in answers] == [
        "application/octet-stream",
        "text/plain; charset=utf-8",
        "application/octet-stream",
    ]
    for answer in answers:
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "Set-Cookie" not in answer.headers


def test_a_log_that_is_no_log(pair: tuple[Work, Work]) -> None:
    """Not gzip, cut short, not the size it says, a bomb, a wild sequence: refused, and the next piece is fine."""
    own, _ = pair
    whole = gzip.compress(b"text" * 100)

    def send(raw: bytes, query: str) -> int:
        return own.call("POST", f"/chunks?{query}", raw=raw).status

    assert send(b"plain", "sequence=1&offset=0&size=5") == 400
    assert send(whole[:-9], "sequence=1&offset=0&size=400") == 400
    assert send(whole, "sequence=1&offset=0&size=399") == 400
    assert send(gzip.compress(bytes(50_000_000)), "sequence=1&offset=0&size=50000000") == 400
    for sequence in ("0", "-1", "x", "", "9" * 30, "1.5"):
        assert send(whole, f"sequence={sequence}&offset=0&size=400") == 400
    assert send(whole, "sequence=1&offset=0&size=400") == 201


DEEP = b'{"uuid": "u", "pipeline": ' + b"[" * 900 + b"]" * 900 + b"}"


def test_bodies_that_are_no_request(pair: tuple[Work, Work]) -> None:
    """A sentence, never a crash."""
    own, _ = pair

    for raw in (b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"uuid": 1}', b'{"uuid": "u"}', b"[" * 100_000, DEEP):
        for path in ("/pipelines", "/data/set", "/artifacts"):
            assert own.call("POST", path, raw=raw).status in (400, 422), (path, raw[:20])


def test_other_names_for_this_machine_are_refused(control: ControlInfo) -> None:
    """A page elsewhere may point its own name at 127.0.0.1; the browser then sends that name."""
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:80", "[::1]"):
        assert call(control, "GET", "/", headers={"Host": host}).status == 400
        assert call(control, "GET", "/v3/ping", headers={"Host": host}).status == 400
    assert call(control, "GET", "/", headers={"Host": "localhost:1"}).status == 200


def test_rest_needs_its_bearer_token(control: ControlInfo) -> None:
    path, token = "/v2/organizations/local/pipelines", control.api_token

    for wrong in (None, "Bearer wrong", f"Token {token}", f"Bearer {control.agent_token}", token):
        assert call(control, "GET", path, authorization=wrong).status == 401
    assert call(control, "GET", path, authorization=f"Bearer {token}").status == 200


def rest_routes() -> set[tuple[str, str]]:
    """Return every call of the REST API, with names that nothing has."""
    found = set()
    for room in REST_API:
        for route in room.ROUTES:
            path = re.sub(r"{\w+}", "x", route.path.replace("{organization}", "local"))
            found |= {(method, path) for method in (route.methods or set()) - {"HEAD"}}
    return found


def test_every_rest_route_asks_for_the_token(control: ControlInfo) -> None:
    """Also those that would say 404: what exists is nobody's business."""
    routes = rest_routes()

    assert {call(control, method, f"/v2{path}").status for method, path in routes} == {401}
    assert len(routes) > 60


def test_every_rest_route_asks_for_a_scope(rest: Rest, control: ControlInfo) -> None:
    """A token of no scopes can read what it is itself, and nothing else; nothing is changed."""
    rest.start({"command": "x"})
    none = f"Bearer {rest.token()}"

    for method, path in sorted(rest_routes() - {("DELETE", "/access-token")}):
        answer = call(control, method, f"/v2{path}", authorization=none)
        free = path in {"/meta", "/access-token"} and method == "GET"
        assert answer.status == (200 if free else 403), (method, path)
    assert call(control, "GET", "/v2/access-token", authorization=none).json["scopes"] == []


def test_a_scope_is_for_what_it_says(rest: Rest, control: ControlInfo) -> None:
    """Reading pipelines is not writing them; the answer names what is missing."""
    rest.pipeline()
    reads = f"Bearer {rest.token('read_pipelines')}"
    path = "/v2/organizations/local/pipelines/inbox"

    assert call(control, "GET", path, authorization=reads).status == 200
    for method, what, needed in (
        ("PATCH", path, "write_pipelines"),
        ("DELETE", path, "write_pipelines"),
        ("POST", f"{path}/builds", "write_builds"),
        ("GET", f"{path}/builds/1/jobs/x/log", "read_build_logs"),
        ("GET", "/v2/organizations/local/clusters", "read_clusters"),
    ):
        answer = call(control, method, what, authorization=reads, body={"description": "taken"})
        assert (answer.status, needed in answer.message) == (403, True)
    assert rest.call("GET", "/pipelines/inbox").json["description"] == ""


def test_a_revoked_token_is_no_token(rest: Rest, control: ControlInfo) -> None:
    """A token ends itself; the world's own stays, and only it makes others."""
    token = f"Bearer {rest.token('read_user', 'write_builds')}"
    assert call(control, "GET", "/v2/user", authorization=token).status == 200
    asked = {"description": "more", "scopes": ["write_pipelines"]}

    assert call(control, "POST", "/v2/access-token", authorization=token, body=asked).status == 403
    assert call(control, "DELETE", "/v2/access-token", authorization=token).status == 204
    assert call(control, "GET", "/v2/user", authorization=token).status == 401
    own = f"Bearer {control.api_token}"
    assert call(control, "DELETE", "/v2/access-token", authorization=own).status == 422
    assert call(control, "GET", "/v2/user", authorization=own).status == 200


def test_tokens_are_for_one_api_only(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """An agent's says nothing to REST, REST's nothing to agents, in whatever scheme it comes."""
    work_path = "/v2/organizations/local/pipelines"
    for token in (agent.session, control.agent_token):
        for scheme in ("Bearer", "Token"):
            assert call(control, "GET", work_path, authorization=f"{scheme} {token}").status == 401
    for token in (control.api_token, rest.token("write_agents", "write_builds")):
        for scheme in ("Bearer", "Token"):
            answer = call(control, "POST", "/v3/register", authorization=f"{scheme} {token}", body={"name": "x"})
            assert answer.status == 401
            assert call(control, "GET", "/v3/ping", authorization=f"{scheme} {token}").status == 401


def test_rest_bodies_that_are_no_request(rest: Rest, control: ControlInfo) -> None:
    """Malformed, of another kind, too long: the proper status, and nothing is made of it."""
    own, path = f"Bearer {control.api_token}", "/v2/organizations/local/pipelines"
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    for raw in (b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000):
        assert call(control, "POST", path, raw=raw, authorization=own).status == 400, raw[:20]
    assert call(control, "POST", path, raw=b"name=x&repository=r", headers=form, authorization=own).status == 415
    for body in ({"name": 1}, {"name": "x"}, {"name": "x", "repository": ["r"]}, {"name": "x", "repository": ""}):
        assert call(control, "POST", path, body=body, authorization=own).status == 422, body
    assert call(control, "POST", path, raw=b" " * (BODY_LIMIT + 1), authorization=own).status == 413
    assert rest.call("GET", "/pipelines").json == []


def test_rest_paths_lead_nowhere_else(rest: Rest) -> None:
    """Dots and slashes in a name are no way up; another job's name is not this build's."""
    rest.pipeline({"command": "x"})
    rest.pipeline({"command": "x"}, slug="other")
    rest.build()
    foreign = rest.build(slug="other")["jobs"][0]["id"]

    for name in ("..", "%2E%2E", "inbox%2F..%2Fother", "..%2F..%2Faccess-token", "%00", "x" * 5000):
        assert rest.call("GET", f"/pipelines/{name}").status == 404, name[:20]
    for what in ("log", "env", "artifacts"):
        assert rest.call("GET", f"/pipelines/inbox/builds/1/jobs/{foreign}/{what}").status == 404
    assert rest.call("PUT", f"/pipelines/inbox/builds/1/jobs/{foreign}/cancel").status == 404
    states = {job["state"] for job in rest.read(slug="other")["jobs"]}
    assert states == {"scheduled"}


def test_another_organization_does_not_exist(control: ControlInfo) -> None:
    answer = call(control, "GET", "/v2/organizations/acme/pipelines", authorization=f"Bearer {control.api_token}")

    assert answer.status == 404


def test_the_state_folder_is_for_its_owner(control: ControlInfo, tmp_path: Path) -> None:
    """It holds tokens and logs."""
    folder = tmp_path / "state"

    assert control.url.startswith("http://127.0.0.1:")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("control.json", "ledger.sqlite3"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
