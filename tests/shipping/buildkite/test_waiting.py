"""Builds that wait for a lock are let go, on the local Buildkite's REST API."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import UsageError
from shipping.buildkite.organization import ENDPOINT, TOKEN, Organization, opened
from shipping.buildkite.waiting import let_go
from shipping.local.control import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIPELINE = "inbox-deploy-us"


@pytest.fixture
def organization(tmp_path: Path) -> Iterator[Organization]:
    with (
        running(tmp_path / "state") as info,
        opened("local", {ENDPOINT: f"{info.url}/v2/", TOKEN: info.api_token}) as organization,
    ):
        yield organization


def waiting(organization: Organization, *keys: str) -> None:
    """Create a build for each key, which waits at a block of that key."""
    for key in keys:
        settings = {"configuration": json.dumps({"steps": [{"block": "asks", "key": key}]})}
        if organization.pipeline(PIPELINE) is None:
            organization.create_pipeline({"name": PIPELINE, "repository": "git@git.example:a/b.git", **settings})
        else:
            organization.update_pipeline(PIPELINE, settings)
        build = {"commit": "a" * 40, "branch": "main", "message": key}
        organization.rest.create_build(organization.slug, PIPELINE, build)


def blocked(organization: Organization) -> list[int]:
    found = organization.rest.pages(organization.rest.builds().list_all_for_pipeline, organization.slug, PIPELINE)
    return sorted(int(build["number"]) for build in found if build["blocked"])


def test_those_that_wait_for_a_lock_go_on_and_no_others(organization: Organization) -> None:
    """Older ones alone, where that is asked; a second time nobody is left to let go."""
    waiting(organization, "locked-us-1", "approve", "locked-us-2", "locked-us-1")
    assert blocked(organization) == [1, 2, 3, 4]

    assert list(let_go(organization, PIPELINE, before=3)) == [1]
    assert blocked(organization) == [2, 3, 4]
    assert sorted(let_go(organization, PIPELINE)) == [3, 4]
    assert list(let_go(organization, PIPELINE)) == []
    assert blocked(organization) == [2]


def test_a_token_is_not_sent_in_the_clear() -> None:
    with pytest.raises(UsageError, match="it is not https"), contextlib.ExitStack() as stack:
        stack.enter_context(opened("acme", {ENDPOINT: "http://proxy.example/v2/", TOKEN: "t"}))
