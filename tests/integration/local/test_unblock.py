"""Block steps over REST, as pybuildkite and plain HTTP unblock them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from pybuildkite.buildkite import Buildkite

if TYPE_CHECKING:
    from shipping.local.control import ControlInfo
    from tests.integration.local.clients import Answer, FakeAgent, Rest

ASK = {
    "block": "Release?",
    "key": "ask",
    "prompt": "Sure?",
    "allowed_teams": ["sre"],
    "fields": [
        {"text": "Name", "key": "name", "format": "[a-z]+"},
        {"select": "Regions", "key": "regions", "multiple": True, "options": [{"label": r, "value": r} for r in "abc"]},
    ],
}
AFTER = {"key": "after", "command": "x"}


def asked(rest: Rest, number: int = 1) -> dict[str, Any]:
    return next(job for job in rest.read(number)["jobs"] if job["type"] == "manual")


def unblock(rest: Rest, body: object) -> Answer:
    return rest.call("PUT", f"/pipelines/inbox/builds/1/jobs/{asked(rest)['id']}/unblock", body)


def test_a_build_is_unblocked_by_pybuildkite(control: ControlInfo, rest: Rest, agent: FakeAgent) -> None:
    """The build says that it is blocked beside the state that it has meanwhile; the answers are meta-data."""
    client: Any = cast("Any", Buildkite)()
    client.base_url = f"{control.url}/v2/"
    client.set_access_token(control.api_token)
    build = rest.start(ASK, AFTER, author={"name": "Ann", "email": "ann@x"})
    assert (build["state"], build["blocked"]) == ("passed", True)
    job = asked(rest)
    assert (job["state"], job["unblockable"], job["label"], job["allowed_teams"]) == (
        "blocked",
        True,
        "Release?",
        ["sre"],
    )
    assert [field["key"] for field in job["fields"]] == ["name", "regions"]

    told = client.jobs().unblock_job(
        "local", "inbox", 1, job["id"], {"name": "one", "regions": ["a", "c"]}, unblocker="ann@x"
    )

    assert (told["type"], told["state"], told["unblockable"]) == ("manual", "unblocked", False)
    assert (told["unblocked_by"]["name"], told["unblocked_at"] is not None) == ("Ann", True)
    shown = rest.read()
    assert (shown["state"], shown["blocked"]) == ("scheduled", False)
    assert shown["meta_data"] == {"name": "one", "regions": "a\nc"}
    work = agent.begin()
    assert work.call("POST", "/data/get", {"key": "regions"}).json["value"] == "a\nc"
    who = {name: value for name, value in work.env.items() if name.startswith("BUILDKITE_UNBLOCKER")}
    assert who == {
        "BUILDKITE_UNBLOCKER": "Ann",
        "BUILDKITE_UNBLOCKER_EMAIL": "ann@x",
        "BUILDKITE_UNBLOCKER_ID": "ann@x",
        "BUILDKITE_UNBLOCKER_TEAMS": "sre",
    }


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (
            {"fields": {"name": "UPPER", "regions": ["a"]}},
            422,
            "field 'name' must match '[a-z]+', and 'UPPER' does not",
        ),
        (
            {"fields": {"regions": ["d"]}},
            422,
            "field 'name' is required\nfield 'regions' must be one of a, b, c, not 'd'",
        ),
        ({"fields": {"name": {}}}, 422, "'fields': values must be strings, numbers or booleans"),
        ({"fields": ["name"]}, 422, "'fields' must be a map of keys to values"),
        ({"unblocker": "nobody"}, 422, "Unblocker is not a valid user id for this organization"),
        (["x"], 400, "The body must be a JSON object"),
    ],
)
def test_a_wrong_answer_leaves_the_build_blocked(rest: Rest, body: object, status: int, message: str) -> None:
    rest.start(ASK, AFTER)

    answer = unblock(rest, body)

    assert (answer.status, answer.message) == (status, message)
    assert rest.states() == {"ask": "blocked", "after": "waiting"}
    assert rest.read()["meta_data"] == {}


def test_what_is_no_block_or_was_unblocked_before_is_refused(rest: Rest, agent: FakeAgent) -> None:
    rest.start({"key": "a", "command": "x"}, "wait", {"block": "go"})
    work = agent.begin()

    assert rest.call("PUT", f"/pipelines/inbox/builds/1/jobs/{work.id}/unblock", {}).status == 400
    assert "it is waiting" in unblock(rest, {}).message
    work.finish()
    assert unblock(rest, {}).status == 200
    again = unblock(rest, {})
    assert (again.status, again.message) == (422, "The job's state must be blocked, and it is unblocked")
    assert rest.read()["state"] == "passed"


def test_a_job_is_found_by_its_id_alone(rest: Rest) -> None:
    """Both paths are documented; a build that is not the job's finds nothing."""
    rest.start({"block": "go", "key": "go"})
    rest.build()
    job = asked(rest)["id"]

    assert rest.call("GET", f"/jobs/{job}").json == rest.call("GET", f"/pipelines/inbox/builds/1/jobs/{job}").json
    assert rest.call("GET", f"/pipelines/inbox/builds/2/jobs/{job}").status == 404
    assert rest.call("PUT", "/jobs/none/unblock", {}).status == 404
    assert rest.call("PUT", f"/jobs/{job}/unblock", {}).json["state"] == "unblocked"
