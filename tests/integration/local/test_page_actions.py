"""What a person does on the page: done for whom it came from our own page, refused for everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shipping.local.control import running
from tests.integration.local.clients import call
from tests.integration.local.visitor import Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.local.control import ControlInfo
    from tests.integration.local.clients import FakeAgent, Rest

BUILD = "/local/inbox/builds/1"
FIELDS = [
    {"text": "Reason", "key": "reason", "hint": "why now"},
    {"text": "Ticket", "key": "ticket", "format": "[A-Z]+-[0-9]+", "required": False},
    {"select": "Action", "key": "action", "options": [{"label": "Back", "value": "b"}, {"label": "On", "value": "o"}]},
    {
        "select": "Regions",
        "key": "regions",
        "multiple": True,
        "options": [{"label": "Europe", "value": "eu"}, {"label": "Australia", "value": "au"}],
        "default": ["eu"],
    },
]
ANSWERS: dict[str, str | list[str]] = {
    "field.reason": "a fix",
    "field.ticket": "",
    "field.action": "o",
    "field.regions": ["eu", "au"],
}


@pytest.fixture
def visitor(control: ControlInfo) -> Visitor:
    return Visitor(control)


def job(rest: Rest, key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in rest.read()["jobs"] if one["step_key"] == key)
    return found


def test_cancel_and_retry_a_job_and_cancel_a_build(rest: Rest, agent: FakeAgent, visitor: Visitor) -> None:
    """Each leads back to where its button stood."""
    rest.start({"key": "a", "command": "x"}, {"key": "b", "command": "y"})
    agent.begin().finish(1)
    failed, waiting = job(rest, "a"), job(rest, "b")
    assert "Retry a" not in visitor.get("/")
    assert f'aria-label="Retry {failed["name"] or "x"}"' in visitor.get(BUILD)

    canceled = visitor.post(f"{BUILD}/jobs/{waiting['id']}/cancel")
    retried = visitor.post(f"{BUILD}/jobs/{failed['id']}/retry", {"then": "job"})
    assert (canceled.status, canceled.headers["location"]) == (303, f"{BUILD}#{waiting['id']}")
    assert job(rest, "b")["state"] == "canceled"
    again = job(rest, "a")["retried_in_job_id"]
    assert (retried.status, retried.headers["location"]) == (303, f"{BUILD}/jobs/{again}")
    assert visitor.post(f"{BUILD}/jobs/{failed['id']}/retry").status == 422

    ended = visitor.post(f"{BUILD}/cancel")
    assert (ended.status, ended.headers["location"]) == (303, BUILD)
    assert rest.read()["state"] == "canceled"
    refused = visitor.post(f"{BUILD}/cancel")
    assert refused.status == 422
    assert "cannot be canceled" in refused.raw.decode()


def test_unblock_with_answers(rest: Rest, visitor: Visitor) -> None:
    """Defaults are filled in, a wrong answer is said and the others stay, and the answers become meta-data."""
    rest.start({"block": "Release", "key": "go", "prompt": "Sure?", "fields": FIELDS}, {"key": "b", "command": "y"})
    address = f"{BUILD}/jobs/{job(rest, 'go')['id']}/unblock"
    asked = visitor.get(address)
    for words in ("Release", "Sure?", "Reason", "why now", "optional", "Europe", 'value="eu" checked', "[A-Z]+-[0-9]+"):
        assert words in asked

    wrong = visitor.post(address, {**ANSWERS, "field.ticket": "none"})
    shown = wrong.raw.decode()
    assert wrong.status == 422
    assert 'role="alert"' in shown
    assert "must match" in shown
    for kept in ('value="a fix"', 'value="none"', '<option value="o" selected', 'value="au" checked'):
        assert kept in shown
    assert job(rest, "go")["state"] == "blocked"

    right = visitor.post(address, ANSWERS)
    assert (right.status, right.headers["location"]) == (303, f"{BUILD}#{job(rest, 'go')['id']}")
    assert rest.read()["meta_data"] == {"reason": "a fix", "ticket": "", "action": "o", "regions": "eu\nau"}
    assert job(rest, "go")["state"] == "unblocked"
    assert call(visitor.info, "GET", address).status == 422


def test_only_what_asks_is_unblocked(rest: Rest, agent: FakeAgent, visitor: Visitor) -> None:
    del agent
    rest.start({"key": "a", "command": "x"})
    visitor.get(BUILD)
    address = f"{BUILD}/jobs/{job(rest, 'a')['id']}/unblock"

    assert call(visitor.info, "GET", address).status == 422
    assert visitor.post(address).status == 422


def test_new_build(rest: Rest, visitor: Visitor) -> None:
    """The address may fill the form in; what is wrong is said in it."""
    rest.pipeline({"key": "a", "command": "x"})
    asked = visitor.get("/local/inbox/builds/new?message=Mine&branch=topic")
    assert 'value="Mine"' in asked
    assert 'value="topic"' in asked

    wrong = visitor.post("/local/inbox/builds/new", {"message": "Mine", "env": "A=1\nno such thing"})
    assert wrong.status == 422
    assert "&#39;no such thing&#39; is not of the form NAME=value" in wrong.raw.decode()
    right = visitor.post(
        "/local/inbox/builds/new",
        {"message": "Mine", "branch": "topic", "commit": "HEAD", "env": "A=1\r\n\r\nB=x=y", "clean": "true"},
    )
    assert (right.status, right.headers["location"]) == (303, BUILD)
    told = rest.read()
    assert (told["message"], told["branch"], told["env"]) == (
        "Mine",
        "topic",
        {"A": "1", "B": "x=y", "BUILDKITE_CLEAN_CHECKOUT": "true"},
    )


def test_new_build_asks_what_the_first_step_asks(rest: Rest, visitor: Visitor) -> None:
    """Its answers are checked before there is a build."""
    rest.pipeline({"input": "What is to be done?", "key": "ask", "fields": FIELDS}, {"key": "b", "command": "y"})
    assert "What is to be done?" in visitor.get("/local/inbox/builds/new")

    assert visitor.post("/local/inbox/builds/new", {"field.reason": ""}).status == 422
    assert rest.call("GET", "/pipelines/inbox/builds").json == []
    assert visitor.post("/local/inbox/builds/new", ANSWERS).status == 303
    assert job(rest, "ask")["state"] == "unblocked"
    assert rest.read()["meta_data"]["reason"] == "a fix"


STRANGERS: list[tuple[str, dict[str, str | None]]] = [
    ("a page elsewhere", {"Origin": "http://evil.example", "Sec_Fetch_Site": "cross-site"}),
    ("another port of this machine", {"Origin": "http://127.0.0.1:1", "Sec_Fetch_Site": "same-site"}),
    ("an old browser's page elsewhere", {"Origin": "http://evil.example", "Sec_Fetch_Site": None}),
    ("a page without an origin", {"Origin": "null", "Sec_Fetch_Site": "cross-site"}),
    ("a sandboxed page of ours", {"Origin": "null", "Sec_Fetch_Site": "same-origin"}),
    ("no browser at all", {"Origin": None, "Sec_Fetch_Site": None}),
    ("a browser that says so and means another", {"Sec_Fetch_Site": "same-site"}),
    ("a visitor without a cookie", {"Cookie": None}),
    ("a visitor with another's cookie", {"Cookie": "ship_page_1=aaaaaaaaaaaaaaaaaaaaaaaa"}),
]


@pytest.mark.parametrize("headers", [headers for _, headers in STRANGERS], ids=[name for name, _ in STRANGERS])
def test_strangers_are_refused(headers: dict[str, str | None], rest: Rest, visitor: Visitor) -> None:
    """With the right token even: it alone is not enough. Nothing has changed."""
    rest.start({"key": "a", "command": "x"})
    visitor.get(BUILD)

    assert visitor.post(f"{BUILD}/cancel", None, **headers).status == 403
    assert rest.read()["state"] == "scheduled"
    assert visitor.post(f"{BUILD}/cancel").status == 303


def test_every_action_asks_whose_form_it_is(rest: Rest, visitor: Visitor) -> None:
    """No token, a wrong one, another visitor's: refused, by every address that does something."""
    rest.start({"block": "go", "key": "go"}, {"key": "a", "command": "x"})
    visitor.get(BUILD)
    other = Visitor(visitor.info)
    other.get(BUILD)
    assert other.token != visitor.token
    one = f"{BUILD}/jobs/{job(rest, 'go')['id']}"
    addresses = [f"{BUILD}/cancel", f"{one}/cancel", f"{one}/retry", f"{one}/unblock", "/local/inbox/builds/new"]

    for address in addresses:
        for token in ("", "0" * 64, other.token):
            assert visitor.post(address, {"token": token}).status == 403, (address, token)
    assert rest.read()["blocked"] is True
    assert len(rest.call("GET", "/pipelines/inbox/builds").json) == 1


def test_other_names_and_other_ways_to_say_it_are_refused(rest: Rest, visitor: Visitor) -> None:
    rest.start({"key": "a", "command": "x"})
    visitor.get(BUILD)
    own = visitor.info.url.rpartition(":")[2]

    foreign = visitor.post(f"{BUILD}/cancel", Host=f"evil.example:{own}", Origin=f"http://evil.example:{own}")
    assert foreign.status == 400
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x", None):
        assert visitor.post(f"{BUILD}/cancel", Content_Type=kind).status == 415
    assert call(visitor.info, "GET", f"{BUILD}/cancel", headers={"Cookie": visitor.cookie}).status == 405
    assert visitor.post(BUILD.replace("local", "acme") + "/cancel").status == 404
    assert visitor.post(f"{BUILD}/cancel", {f"f{number}": "x" for number in range(1001)}).status == 400
    assert visitor.post(f"{BUILD}/cancel", {"long": "x" * 2_000_000}).status == 413
    assert rest.read()["state"] == "scheduled"


def test_a_cookie_is_for_this_port_and_no_script(control: ControlInfo) -> None:
    """Other programs on this machine share the name 127.0.0.1; the cookie alone does nothing, see above."""
    told = call(control, "GET", "/").headers["set-cookie"]

    assert told.startswith(f"ship_page_{control.url.rpartition(':')[2]}=")
    for rule in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert rule in told


def test_a_form_does_not_outlive_the_process(tmp_path: Path) -> None:
    with running(tmp_path / "state") as before:
        visitor = Visitor(before)
        visitor.get("/")
    with running(tmp_path / "state") as after:
        visitor.info = after
        answer = visitor.post("/local/inbox/builds/new")

        assert answer.status == 403
        assert "reload it" in answer.raw.decode()
