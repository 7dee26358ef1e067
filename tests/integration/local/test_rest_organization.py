"""What REST keeps beside builds: settings, clusters, teams, schedules, the organization itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from shipping.buildkite.scopes import SCOPES
from shipping.local.control import running
from tests.integration.local.clients import FakeAgent, Rest, call

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shipping.local.control import ControlInfo
    from tests.integration.local.clients import Answer

PLAIN = {"name": "inbox", "repository": "git@git.example:inbox.git", "configuration": "steps: [{command: x}]"}


def made(rest: Rest, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
    answer = rest.call("POST", path, body)
    assert answer.status == 201, answer.raw
    return answer.json


def refused(answer: Answer, field: str) -> None:
    assert answer.status == 422, answer.raw
    assert [one["field"] for one in answer.json["errors"]] == [field]
    assert answer.json["errors"][0]["code"] in answer.message


def test_the_settings_of_a_pipeline_have_defaults_and_keep_what_they_are_given(rest: Rest) -> None:
    """A null goes back to the default; provider settings not named stay."""
    cluster = made(rest, "/clusters", {"name": "main"})["id"]
    fresh = made(rest, "/pipelines", PLAIN)
    assert (fresh["allow_rebuilds"], fresh["visibility"], fresh["cluster_id"]) == (True, "private", None)
    assert fresh["provider"]["settings"]["trigger_mode"] == "code"

    given = {
        "branch_configuration": "main",
        "skip_queued_branch_builds": True,
        "skip_queued_branch_builds_filter": "!main",
        "cancel_running_branch_builds": True,
        "cancel_running_branch_builds_filter": "!main",
        "allow_rebuilds": False,
        "tags": ["a", "b"],
        "visibility": "public",
        "cluster_id": cluster,
        "color": "#FF0000",
        "emoji": ":ship:",
    }
    provider = {"trigger_mode": "none", "skip_builds_for_existing_commits": True}
    changed = rest.call("PATCH", "/pipelines/inbox", given | {"provider_settings": provider}).json

    assert {name: changed[name] for name in given} == given
    assert fresh["provider"]["settings"] | provider == changed["provider"]["settings"]
    again = rest.call("PATCH", "/pipelines/inbox", {"allow_rebuilds": None, "tags": None}).json
    assert (again["allow_rebuilds"], again["tags"], again["cluster_id"]) == (True, None, cluster)
    assert again["provider"] == changed["provider"]


def test_settings_are_there_after_a_restart(tmp_path: Path) -> None:
    """They are committed before they are acknowledged."""
    with running(tmp_path / "kept") as info:
        made(Rest(info), "/pipelines", PLAIN | {"allow_rebuilds": False})
        token = Rest(info).token("read_pipelines")
    with running(tmp_path / "kept") as info:
        path = "/v2/organizations/local/pipelines/inbox"
        assert call(info, "GET", path, authorization=f"Bearer {token}").json["allow_rebuilds"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": None}, "name"),
        ({"repository": ""}, "repository"),
        ({"colour": "red"}, "colour"),
        ({"allow_rebuilds": "yes"}, "allow_rebuilds"),
        ({"visibility": "secret"}, "visibility"),
        ({"tags": "a"}, "tags"),
        ({"tags": [""]}, "tags"),
        ({"cluster_id": "none"}, "cluster_id"),
        ({"branch_configuration": 1}, "branch_configuration"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"provider_settings": []}, "provider_settings"),
        ({"provider_settings": {"trigger_mode": "push"}}, "provider_settings.trigger_mode"),
        ({"provider_settings": {"build_tags": "no"}}, "provider_settings.build_tags"),
        ({"provider_settings": {"colour": 1}}, "provider_settings.colour"),
        ({"teams": {"none": "read_only"}}, "teams"),
        ({"teams": ["a"]}, "teams"),
        ({"default_command_step_timeout": 5}, "default_command_step_timeout"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_created(rest: Rest, body: dict[str, object], field: str) -> None:
    """As Buildkite shapes it: a message, and each field with what is wrong."""
    refused(rest.call("POST", "/pipelines", PLAIN | body), field)
    assert rest.call("GET", "/pipelines").json == []


def test_a_name_is_given_once_and_no_slug_changes(rest: Rest) -> None:
    """Renaming would change the pipeline's slug at Buildkite: not done here, so not pretended."""
    made(rest, "/pipelines", PLAIN)

    refused(rest.call("POST", "/pipelines", PLAIN), "name")
    refused(rest.call("PATCH", "/pipelines/inbox", {"name": "outbox"}), "slug")
    assert rest.call("PATCH", "/pipelines/inbox", {"name": "Inbox!"}).json["name"] == "Inbox!"


def test_pipelines_are_found_by_a_part_of_their_name_or_repository(rest: Rest) -> None:
    made(rest, "/pipelines", PLAIN)
    made(rest, "/pipelines", PLAIN | {"name": "Outbox", "repository": "git@git.example:other.git"})

    def found(query: str) -> list[str]:
        return [one["slug"] for one in rest.call("GET", f"/pipelines?{query}").json]

    assert (found("name=BOX"), found("name=out"), found("repository=Other")) == (
        ["inbox", "outbox"],
        ["outbox"],
        ["outbox"],
    )


def test_an_archived_pipeline_is_read_only_until_it_is_unarchived(rest: Rest) -> None:
    made(rest, "/pipelines", PLAIN)

    assert rest.call("POST", "/pipelines/inbox/archive").json["archived_at"] is not None
    assert rest.call("POST", "/pipelines/inbox/archive").status == 422
    assert rest.call("POST", "/pipelines/inbox/builds", {"commit": "HEAD", "branch": "main"}).status == 422
    assert rest.call("PATCH", "/pipelines/inbox", {"description": "x"}).status == 422
    assert rest.call("POST", "/pipelines/inbox/unarchive").json["archived_at"] is None
    rest.build()


def test_a_deleted_pipeline_leaves_nothing_to_one_of_the_same_name(rest: Rest) -> None:
    """No settings, no schedules, no teams."""
    team = made(rest, "/teams", {"name": "SRE"})["id"]
    made(rest, "/pipelines", PLAIN | {"allow_rebuilds": False, "teams": {team: "read_only"}})
    made(rest, "/pipelines/inbox/schedules", {"cronline": "@daily"})

    assert rest.call("DELETE", "/pipelines/inbox").status == 204
    assert made(rest, "/pipelines", PLAIN)["allow_rebuilds"] is True
    assert rest.call("GET", "/pipelines/inbox/schedules").json == []
    assert rest.call("GET", f"/teams/{team}/pipelines").json == []


def test_the_organization_its_user_and_the_token(control: ControlInfo, rest: Rest) -> None:
    own = f"Bearer {control.api_token}"

    assert [one["slug"] for one in call(control, "GET", "/v2/organizations", authorization=own).json] == ["local"]
    assert rest.call("GET", "").json["slug"] == "local"
    assert call(control, "GET", "/v2/user", authorization=own).json["name"] == "Local"
    assert call(control, "GET", "/v2/access-token", authorization=own).json["scopes"] == list(SCOPES)
    bad = {"description": "x", "scopes": ["everything"]}
    refused(call(control, "POST", "/v2/access-token", authorization=own, body=bad), "scopes")


def test_clusters_with_their_queues(rest: Rest) -> None:
    cluster = made(rest, "/clusters", {"name": "main", "description": "d"})
    here = f"/clusters/{cluster['id']}"
    queue = made(rest, f"{here}/queues", {"key": "tests"})

    assert [one["name"] for one in rest.call("GET", "/clusters").json] == ["main"]
    assert rest.call("GET", f"{here}/queues").json == [queue]
    assert rest.call("GET", f"{here}/queues/{queue['id']}").json == queue
    assert queue["cluster_url"] == cluster["url"]
    changed = rest.call("PUT", here, {"default_queue_id": queue["id"]}).json
    assert changed["default_queue_url"] == queue["url"]
    assert rest.call("PUT", f"{here}/queues/{queue['id']}", {"description": "big"}).json["description"] == "big"
    refused(rest.call("DELETE", f"{here}/queues/{queue['id']}"), "id")
    refused(rest.call("POST", "/clusters", {"name": "main"}), "name")
    refused(rest.call("POST", f"{here}/queues", {"key": "tests"}), "key")
    refused(rest.call("POST", f"{here}/queues", {"key": "a b"}), "key")
    refused(rest.call("PUT", here, {"default_queue_id": "x"}), "default_queue_id")


def test_a_cluster_goes_with_what_is_its_own_once_no_pipeline_is_in_it(rest: Rest) -> None:
    cluster = made(rest, "/clusters", {"name": "main"})["id"]
    queue = made(rest, f"/clusters/{cluster}/queues", {"key": "tests"})["id"]
    made(rest, "/pipelines", PLAIN | {"cluster_id": cluster})

    refused(rest.call("DELETE", f"/clusters/{cluster}"), "id")
    rest.call("PATCH", "/pipelines/inbox", {"cluster_id": None})
    assert rest.call("DELETE", f"/clusters/{cluster}").status == 204
    assert rest.call("GET", f"/clusters/{cluster}/queues/{queue}").status == 404


def test_an_agent_registers_with_a_clusters_token_until_it_is_revoked(rest: Rest, control: ControlInfo) -> None:
    """The token is told once; lists know it by its description."""
    cluster = made(rest, "/clusters", {"name": "main"})["id"]
    told = made(rest, f"/clusters/{cluster}/tokens", {"description": "laptops"})

    def register() -> int:
        return call(control, "POST", "/v3/register", authorization=f"Token {told['token']}", body={"name": "x"}).status

    assert register() == 200
    (listed,) = rest.call("GET", f"/clusters/{cluster}/tokens").json
    assert (listed["description"], "token" in listed) == ("laptops", False)
    assert rest.call("DELETE", f"/clusters/{cluster}/tokens/{told['id']}").status == 204
    assert register() == 401


def test_teams_and_what_they_may_do(rest: Rest) -> None:
    team = made(rest, "/teams", {"name": "Site Reliability", "privacy": "secret"})
    pipeline = made(rest, "/pipelines", PLAIN)["id"]
    here = f"/teams/{team['id']}/pipelines"
    assert team["slug"] == "site-reliability"

    place = made(rest, here, {"pipeline_id": pipeline, "access_level": "read_only"})
    assert place["pipeline_url"].endswith("/pipelines/inbox")
    assert rest.call("GET", f"{here}/{pipeline}").json["access_level"] == "read_only"
    rest.call("PATCH", f"{here}/{pipeline}", {"access_level": "build_and_read"})
    assert [one["access_level"] for one in rest.call("GET", here).json] == ["build_and_read"]
    refused(rest.call("PATCH", f"{here}/{pipeline}", {"access_level": "read"}), "access_level")
    refused(rest.call("POST", here, {"pipeline_id": pipeline, "access_level": "read_only"}), "pipeline_id")
    refused(rest.call("POST", here, {"pipeline_id": "x", "access_level": "read_only"}), "pipeline_id")
    refused(rest.call("PATCH", "/pipelines/inbox", {"teams": {team["id"]: "read_only"}}), "teams")
    assert rest.call("DELETE", f"{here}/{pipeline}").status == 204
    assert rest.call("GET", f"{here}/{pipeline}").status == 404
    assert rest.call("DELETE", f"/teams/{team['id']}").status == 204


def test_schedules_are_kept_and_say_that_nothing_runs_by_the_clock(rest: Rest) -> None:
    """Newest first; what is not named stays."""
    made(rest, "/pipelines", PLAIN)
    here = "/pipelines/inbox/schedules"
    nightly = made(rest, here, {"label": "nightly", "cronline": "0 3 * * *", "env": {"A": "1"}})
    hourly = made(rest, here, {"label": "hourly", "cronline": "@hourly", "enabled": False})

    assert (nightly["commit"], nightly["branch"], nightly["enabled"]) == ("HEAD", "main", True)
    assert "ship local build" in nightly["failed_message"]
    assert [one["label"] for one in rest.call("GET", here).json] == ["hourly", "nightly"]
    changed = rest.call("PUT", f"{here}/{nightly['id']}", {"cronline": "*/5 * * * 1-5 Europe/Berlin"}).json
    assert (changed["env"], changed["label"]) == ({"A": "1"}, "nightly")
    for cronline in ("daily", "@never", "* * *", "0 3 * * * * *", ""):
        refused(rest.call("POST", here, {"cronline": cronline}), "cronline")
    refused(rest.call("PUT", f"{here}/{hourly['id']}", {"enabled": "yes"}), "enabled")
    assert rest.call("DELETE", f"{here}/{hourly['id']}").status == 204
    assert rest.call("GET", f"{here}/{hourly['id']}").status == 404


def test_lists_come_a_page_at_a_time(rest: Rest) -> None:
    """With the address of the next one."""
    for number in range(5):
        made(rest, "/teams", {"name": f"team {number}"})

    first = rest.call("GET", "/teams?per_page=2")
    (address,) = re.findall(r'<([^>]+)>; rel="next"', first.headers["link"])
    second = rest.call("GET", f"/teams?{address.partition('?')[2]}")

    assert [one["name"] for one in first.json + second.json] == ["team 0", "team 1", "team 2", "team 3"]


def test_builds_are_found_by_who_made_them(rest: Rest) -> None:
    """By the id that the build itself names."""
    rest.pipeline({"command": "x"})
    rest.build()
    theirs = rest.build(author={"name": "Ann", "email": "ann@acme.test"})

    found = rest.call("GET", f"/builds?creator={theirs['creator']['id']}").json
    assert [one["number"] for one in found] == [theirs["number"]]


def test_an_agent_of_the_list_is_connected(rest: Rest, agent: FakeAgent) -> None:
    """Those that are gone are gone from the list, and still found by id."""
    assert [one["id"] for one in rest.call("GET", "/agents").json] == [agent.id]
    agent.call("POST", "/disconnect")

    assert rest.call("GET", "/agents").json == []
    assert rest.call("GET", f"/agents/{agent.id}").json["connection_state"] == "disconnected"
