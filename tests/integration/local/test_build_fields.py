"""What a request for a build may say, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.local.clients import FakeAgent, Rest

STEP = {"key": "a", "command": "x"}
PULL = {
    "pull_request_id": 7,
    "pull_request_base_branch": "main",
    "pull_request_repository": "git://git.example/inbox.git",
    "pull_request_labels": ["one", "two"],
    "pull_request_draft": True,
}


def test_a_build_of_a_pull_request_says_so_to_everybody(rest: Rest, agent: FakeAgent) -> None:
    build = rest.start(STEP, branch="topic", **PULL)

    assert build["pull_request"] == {
        "id": "7",
        "base": "main",
        "repository": "git://git.example/inbox.git",
        "labels": ["one", "two"],
        "draft": True,
    }
    told = {name: value for name, value in agent.begin().env.items() if name.startswith("BUILDKITE_PULL_REQUEST")}
    assert told == {
        "BUILDKITE_PULL_REQUEST": "7",
        "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main",
        "BUILDKITE_PULL_REQUEST_REPO": "git://git.example/inbox.git",
        "BUILDKITE_PULL_REQUEST_LABELS": "one,two",
        "BUILDKITE_PULL_REQUEST_DRAFT": "true",
    }


def test_a_clean_checkout_is_the_agents_to_make(rest: Rest, agent: FakeAgent) -> None:
    rest.start(STEP, clean_checkout=True, ignore_pipeline_branch_filters=True)

    assert agent.begin().env["BUILDKITE_CLEAN_CHECKOUT"] == "true"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pull_request_id": "main"}, "'pull_request_id' must be a number, not 'main'"),
        ({"pull_request_id": True}, "'pull_request_id' must be a number, not True"),
        ({**PULL, "pull_request_labels": "one"}, "'pull_request_labels' must be a list of strings"),
        ({**PULL, "pull_request_draft": "yes"}, "'pull_request_draft' must be true or false"),
        ({"clean_checkout": "yes"}, "'clean_checkout' must be true or false"),
    ],
)
def test_what_makes_no_sense_is_refused(rest: Rest, fields: dict[str, Any], message: str) -> None:
    rest.pipeline(STEP)

    answer = rest.call(
        "POST", "/pipelines/inbox/builds", {"commit": "HEAD", "branch": "main", "message": "m", **fields}
    )

    assert (answer.status, answer.message) == (422, message)
    assert rest.call("GET", "/builds").json == []


def test_blocked_builds_are_listed_by_either_of_their_states(rest: Rest) -> None:
    """What REST tells is the state that the block asks for; who looks for blocked builds finds them all the same."""
    rest.start({"block": "go", "blocked_state": "failed"})

    listed = {state: len(rest.call("GET", f"/builds?state={state}").json) for state in ("blocked", "failed", "passed")}

    assert listed == {"blocked": 1, "failed": 1, "passed": 0}
