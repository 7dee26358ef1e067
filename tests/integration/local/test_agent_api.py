"""What an agent and the commands inside a job find when they call."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING

import pytest

from tests.integration.local.clients import FakeAgent, call, put_form

if TYPE_CHECKING:
    from shipping.local.control import ControlInfo
    from tests.integration.local.clients import Rest

STEP = {"key": "a", "command": "echo a"}


def test_a_job_from_ping_to_finish(rest: Rest, agent: FakeAgent) -> None:
    """The offer stays until it is taken; what is accepted is whole; the build ends with its last job."""
    rest.start({**STEP, "plugins": [{"./p": {"x": None}}], "env": {"X": "1"}})

    assert agent.ping() == agent.ping()
    work = agent.begin()
    assert work.told["step"] == {"command": "echo a", "plugins": [{"./p": {"x": None}}]}
    assert (work.env["BUILDKITE_COMMAND"], work.env["X"]) == ("echo a", "1")
    assert work.call("GET", "").json == {"id": work.id, "state": "running"}
    assert work.finish(0).status == 200

    assert rest.read()["state"] == "passed"
    assert agent.call("GET", "/ping").json == {}


def test_an_upload_becomes_steps_at_once_and_only_once(rest: Rest, agent: FakeAgent) -> None:
    """The answer is 200, so the agent asks no further; the same uuid again is the same upload."""
    rest.start(STEP)
    work = agent.begin()
    upload_id = str(uuid.uuid4())

    answers = [work.upload({"key": "b", "command": "x"}, upload_id=upload_id) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert rest.states() == {"a": "running", "b": "waiting"}
    assert work.call("GET", f"/pipelines/{upload_id}").json["state"] == "applied"


def test_a_refused_upload_says_which_step_and_why(rest: Rest, agent: FakeAgent) -> None:
    rest.start(STEP)
    work = agent.begin()

    refused = work.upload({"label": "ask", "command": "y", "if_changed": "main"}, {"command": "x", "key": "a"})

    assert refused.status == 422
    assert refused.message.splitlines() == [
        "step 1 ('ask'): attribute 'if_changed' is not implemented by the local Buildkite",
        'The key "a" has already been used by another step in this build',
    ]
    assert rest.states() == {"a": "running"}


def test_replacing_a_pipeline_is_refused_by_name(rest: Rest, agent: FakeAgent) -> None:
    rest.start(STEP)

    answer = agent.begin().call("POST", "/pipelines", {"uuid": "u", "pipeline": {"steps": []}, "replace": True})

    assert (answer.status, "--replace is not implemented" in answer.message) == (422, True)


def test_meta_data(rest: Rest, agent: FakeAgent) -> None:
    """Set, overwritten, read by job and by build; what is not there is 404 to `get` and a plain no to `exists`."""
    build = rest.start(STEP, meta_data={"given": "at creation"})
    work = agent.begin()
    by_build = f"/builds/{build['id']}/data"
    work.call("POST", "/data/set", {"key": "k", "value": "1"})
    work.call("POST", "/data/set-batch", {"items": [{"key": "k", "value": "2"}, {"key": "l", "value": ""}]})

    assert work.call("POST", "/data/get", {"key": "k"}).json == {"key": "k", "value": "2"}
    assert work.beside("POST", f"{by_build}/get", {"key": "given"}).json["value"] == "at creation"
    assert work.beside("POST", f"{by_build}/exists", {"key": "l"}).json == {"exists": True}
    assert work.call("POST", "/data/exists", {"key": "none"}).json == {"exists": False}
    assert work.call("POST", "/data/get", {"key": "none"}).status == 404
    assert work.call("POST", "/data/keys").json == ["given", "k", "l"]
    assert work.call("POST", "/data/set", {"key": "big", "value": "x" * 102_401}).status == 422


def test_the_first_job_tells_which_commit_head_is(rest: Rest, agent: FakeAgent) -> None:
    """For a repository elsewhere, which the control plane does not ask."""
    rest.start(STEP, message="")
    told = (
        "commit 0123456789abcdef0123456789abcdef01234567\nabbrev-commit 0123456\nAuthor: A <a@b>\n\n    the subject\n"
    )

    agent.begin().call("POST", "/data/set", {"key": "buildkite:git:commit", "value": told})

    build = rest.read()
    assert (build["commit"], build["message"]) == ("0123456789abcdef0123456789abcdef01234567", "the subject")


def test_annotations(rest: Rest, agent: FakeAgent) -> None:
    """Created, extended, replaced and removed by context, also one with a slash and a dot."""
    rest.start(STEP)
    work = agent.begin()
    work.call("POST", "/annotations", {"body": "one", "context": "a/b.c", "style": "info"})
    work.call("POST", "/annotations", {"body": " two", "context": "a/b.c", "append": True})
    work.call("POST", "/annotations", {"body": "other"})

    shown = rest.call("GET", "/pipelines/inbox/builds/1/annotations/").json
    assert [(one["context"], one["style"], one["body_html"]) for one in shown] == [
        ("a/b.c", "info", "<p>one two</p>\n"),
        ("default", None, "<p>other</p>\n"),
    ]
    work.call("POST", "/annotations", {"body": "new", "context": "a/b.c", "style": "error"})
    assert work.call("DELETE", "/annotations/default?scope=build").status == 200
    assert work.call("DELETE", "/annotations/none").status == 404
    shown = rest.call("GET", "/pipelines/inbox/builds/1/annotations").json
    assert [(one["style"], one["body_html"]) for one in shown] == [("error", "<p>new</p>\n")]
    assert work.call("DELETE", "/annotations/a%2Fb%2Ec").status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": "x" * (1024 * 1024 + 1)},
        {"body": "x", "style": "loud"},
        {"body": "x", "priority": 11},
        {"body": "x", "scope": "job"},
    ],
)
def test_annotations_that_are_refused(rest: Rest, agent: FakeAgent, wrong: dict[str, object]) -> None:
    rest.start(STEP)

    assert agent.begin().call("POST", "/annotations", wrong).status == 422


def test_a_log_in_pieces_out_of_order_and_repeated(rest: Rest, agent: FakeAgent) -> None:
    """The marks of the agent are its own business: text has none."""
    build = rest.start(STEP)
    work = agent.begin()
    for sequence, text in ((2, "two\r\n"), (1, "\x1b_bk;t=1\x07one\n"), (2, "two\r\n"), (3, "three\n")):
        assert work.log(sequence, text).status == 201

    path = f"/pipelines/inbox/builds/{build['number']}/jobs/{work.id}/log"
    assert rest.call("GET", path, headers={"Accept": "text/plain"}).raw == b"one\ntwo\r\nthree\n"
    told = rest.call("GET", path).json
    assert (told["content"], told["size"]) == ("\x1b_bk;t=1\x07one\ntwo\r\nthree\n", 24)


def test_artifacts_there_and_back(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """Bytes come back as they went; a glob's star crosses slashes; a scope is a step's key or a job."""
    rest.start({"key": "a", "command": "x", "parallelism": 2})
    content = b"\r\n--mar\r\n--mark" + bytes(range(256)) * 5000
    one, two = agent.begin(), FakeAgent.register(control, name="two").begin()
    # The form's own boundary must not stand in it: the agent draws a long random one.
    content = content.replace(b"\r\n--mark", b"\r\n--marl")
    one.keep("out/deep/a.bin", content)
    two.keep("b.bin", b"")

    (found,) = one.search("out/*.bin")
    path = found["url"].removeprefix(control.url)
    assert call(control, "GET", path).raw == content
    assert [each["path"] for each in one.search("*")] == ["out/deep/a.bin", "b.bin"]
    assert [each["path"] for each in one.search("*", scope="a")] == ["out/deep/a.bin", "b.bin"]
    assert [each["path"] for each in one.search("*", scope=two.id)] == ["b.bin"]
    assert one.search("*.txt") == []
    assert one.search("*", scope="nobody") == []


def test_only_the_last_attempts_artifacts_are_found(rest: Rest, agent: FakeAgent) -> None:
    """And, of the same path from several jobs, the newest, unless duplicates are asked for."""
    rest.start({"key": "a", "command": "x", "retry": {"automatic": True}}, {"key": "b", "command": "y"})
    first = agent.begin()
    first.keep("report.xml", b"old")
    first.finish(1)
    other = agent.begin()
    other.keep("report.xml", b"of b")
    other.finish()
    again = agent.begin()
    latest = again.keep("report.xml", b"new")

    assert [one["id"] for one in again.search("report.xml")] == [latest]
    assert len(again.search("report.xml", include_duplicates="true")) == 2
    assert len(again.search("report.xml", include_duplicates="true", include_retried_jobs="true")) == 3


def test_a_batch_announced_again_keeps_its_ids(rest: Rest, agent: FakeAgent) -> None:
    """The agent did not hear the first answer."""
    rest.start(STEP)
    work = agent.begin()
    batch = str(uuid.uuid4())
    entries = [{"path": "a", "file_size": 1}, {"path": "b", "file_size": 2}]

    first, second = work.announce(*entries, batch=batch), work.announce(*entries, batch=batch)

    assert first.json["artifact_ids"] == second.json["artifact_ids"]
    assert len(rest.call("GET", "/pipelines/inbox/builds/1/artifacts").json) == 2


def test_bytes_that_were_not_announced_are_refused(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """Too many, too few, others: nothing is kept, and the artifact cannot be finished."""
    rest.start(STEP)
    work = agent.begin()
    told = work.announce({"path": "a", "file_size": 3, "sha256sum": hashlib.sha256(b"abc").hexdigest()}).json
    address = told["upload_instructions"]["action"]["path"]

    assert [put_form(control, address, content).status for content in (b"abcd", b"ab", b"abd")] == [413, 400, 400]
    concluded = work.call("PUT", "/artifacts", {"artifacts": [{"id": told["artifact_ids"][0], "state": "finished"}]})
    assert concluded.status == 422
    assert put_form(control, address, b"abc", name="other").status == 400
    assert put_form(control, address, b"abc").status == 201
    assert work.search("*") == []


def test_steps_tell_and_change(rest: Rest, agent: FakeAgent) -> None:
    """By key and by id; texts plain, the rest as JSON."""
    build = rest.start({**STEP, "label": "A", "env": {"X": "1"}}, {"key": "b", "command": "y", "depends_on": "a"})
    work = agent.begin()

    def told(step: str, attribute: str, output: str = "") -> str:
        asked = {"attribute": attribute, "build_id": build["id"], "format": output}
        return str(work.beside("POST", f"/steps/{step}/export", asked).json["output"])

    assert told("a", "label") == "A"
    assert told("a", "label", "json") == '"A"'
    assert json.loads(told("a", "env", "json")) == {"X": "1"}
    assert told(work.env["BUILDKITE_STEP_ID"], "state") == "running"
    assert json.loads(told("b", "depends_on")) == [{"step": "a", "allow_failure": False}]
    assert json.loads(told("b", ""))["state"] == "waiting_for_dependencies"
    change = {"idempotency_uuid": "u", "build_id": build["id"], "attribute": "label", "value": " B", "append": True}
    assert [work.beside("PUT", "/steps/a", change).status for _ in range(2)] == [200, 200]
    assert told("a", "label") == "A B"
    # 400: on any other refusal the agent would ask again for a minute.
    assert work.beside("POST", "/steps/a/export", {"attribute": "colour"}).status == 400
    assert work.beside("POST", "/steps/nobody/export", {}).status == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        ("GET", "/secrets?key=K", 404, "secrets"),
        ("POST", "/oidc/tokens", 422, "OIDC"),
        ("PUT", "", 422, "job update"),
        ("PUT", "/promise_failure", 422, "promise-failure"),
        ("POST", "/repository_access_token", 422, "repository access"),
        ("POST", "/nothing", 404, "/nothing"),
    ],
)
def test_what_is_not_here_is_refused_by_name(
    rest: Rest, agent: FakeAgent, method: str, path: str, status: int, word: str
) -> None:
    rest.start(STEP)

    answer = agent.begin().call(method, path)

    assert (answer.status, word in answer.message) == (status, True)


def test_newer_agents_fall_back_to_polling(control: ControlInfo) -> None:
    """Their stream is answered with 404, which tells them for good."""
    answer = call(control, "POST", "/agentedge.v1.AgentEdgeService/StreamPings", raw=b"")

    assert answer.status == 404


def test_an_agent_is_told_to_go(rest: Rest, agent: FakeAgent) -> None:
    """By REST, after its job."""
    rest.start(STEP, {"key": "b", "command": "y"})
    work = agent.begin()

    assert rest.call("PUT", f"/agents/{agent.id}/stop", {"force": False}).status == 204
    assert agent.call("GET", "/ping").json == {}
    work.finish()
    assert agent.call("GET", "/ping").json["action"] == "disconnect"
    assert agent.call("POST", "/disconnect").status == 200
    assert rest.call("GET", "/agents").json == []


def test_what_newer_agents_and_autoscalers_ask_for(control: ControlInfo, agent: FakeAgent) -> None:
    """A registration token says whose it is; pausing and metrics are refused by name."""
    own = f"Token {control.agent_token}"

    assert call(control, "GET", "/v3/token", authorization=own).json["organization_slug"] == "local"
    assert agent.call("GET", "/token").status == 401
    for method, path in (("POST", "/pause"), ("POST", "/resume"), ("GET", "/metrics")):
        answer = agent.call(method, path)
        assert (answer.status, path[1:] in answer.message) == (422, True)
