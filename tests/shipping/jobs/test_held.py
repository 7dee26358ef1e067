"""What a deploy leaves behind in a build that a lock stops: a block that says why, and the same deploy behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_gen.lint import lint
from shipping.buildkite.organization import ENDPOINT, TOKEN, opened
from shipping.jobs import deploy
from shipping.jobs.held import steps
from shipping.lane import machine
from shipping.local.control import running
from shipping.records.lane import Lock
from shipping.release.deploy import Order, Stopped
from tests.oracle import assert_valid
from tests.shipping.buildkite.test_waiting import blocked, waiting
from tests.shipping.jobs.test_deploy import job, scene, step
from tests.shipping.release.scene import APP, Scene, commit, named

if TYPE_CHECKING:
    from pathlib import Path

    from shipping.jobs.context import JobContext

__all__ = ["scene"]

# Keeps what is uploaded, and refuses a key that was uploaded before, in Buildkite's words.
AGENT = r"""#!/bin/sh
if [ "$1" = pipeline ]; then
  if grep -q "$(grep -o '"key": "locked[^"]*"' "$4")" "$UPLOADED" 2>/dev/null; then
    echo 'fatal: Failed to upload: POST: 422 Unprocessable: The key "locked-us-1" has already been used by another step' >&2
    exit 1
  fi
  cat "$4" >> "$UPLOADED"; echo >> "$UPLOADED"
else cat > /dev/null; fi
"""


@pytest.fixture
def locked(scene: Scene) -> Scene:
    """A cleared release and a lock."""
    scene.clear(7)
    scene.ledger().change(named("hold", "mail is late"), lambda lane: machine.lock(lane, named("hold", "mail is late")))
    return scene


def with_agent(scene: Scene, context: JobContext) -> JobContext:
    (scene.folder / "bin/buildkite-agent").write_text(AGENT)
    return context


def uploaded(scene: Scene) -> list[dict[str, Any]]:
    file = scene.folder / "uploaded"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def held(scene: Scene, **env: str) -> JobContext:
    more = {
        "UPLOADED": str(scene.folder / "uploaded"),
        "BUILDKITE_COMMAND": "ship job deploy",
        "BUILDKITE_PLUGINS": "[]",
    }
    return with_agent(scene, step(scene, 7, **{**more, **env}))


def test_the_block_says_who_why_and_since_when_and_the_same_deploy_follows_it(locked: Scene) -> None:
    """Without a checkout as before, one at a time."""
    skip = {"BUILDKITE_SKIP_CHECKOUT": "true", "BUILDKITE_AGENT_META_DATA_QUEUE": "deployers"}

    assert deploy.run(held(locked, **skip)) == 0

    (pipeline,) = uploaded(locked)
    block, again = pipeline["steps"]
    assert_valid(pipeline)
    assert lint([pipeline]) == []
    assert block["block"] == "us is locked by ann since 2026-01-01 00:00 UTC: mail is late"
    assert "never unlocks" in block["prompt"]
    assert again["depends_on"] == block["key"] == "locked-us-1"
    assert again["command"] == "ship job deploy"
    assert again["env"] == {
        "SHIP_APP": APP,
        "SHIP_REGION": "us",
        "SHIP_BUCKET": locked.regions["us"].name,
        "SHIP_HELD": "1",
        "BUILDKITE_SKIP_CHECKOUT": "true",
    }
    assert again["agents"] == {"queue": "deployers"}
    assert again["concurrency_group"] == f"{APP}/deploy/us"
    assert "plugins" not in again


def test_unblocked_while_the_lock_is_there_it_waits_again(locked: Scene) -> None:
    """At a block of its own: keys are unique in a build. A retry of a job that had uploaded its block uploads none."""
    assert deploy.run(held(locked)) == 0
    assert deploy.run(held(locked, BUILDKITE_RETRY_COUNT="1")) == 0
    assert deploy.run(held(locked, SHIP_HELD="1", BUILDKITE_STEP_ID="s2")) == 0

    assert [one["steps"][0]["key"] for one in uploaded(locked)] == ["locked-us-1", "locked-us-2"]
    assert locked.ledger().read().lock is not None

    locked.ledger().change(named("free"), lambda lane: machine.unlock(lane, named("free")))
    assert deploy.run(held(locked, SHIP_HELD="2", BUILDKITE_STEP_ID="s3")) == 0
    assert "deployed in" in locked.said[-1]


def test_a_step_with_the_plugin_is_followed_by_one_with_it(locked: Scene) -> None:
    given = {"app": APP, "region": "us", "bucket": locked.regions["us"].name}
    plugins = [{"./.buildkite/plugins/deploy": given}]
    env = {
        "UPLOADED": str(locked.folder / "uploaded"),
        "BUILDKITE_COMMIT": commit(7),
        "BUILDKITE_COMMAND": "exit 1",
        "BUILDKITE_PLUGINS": json.dumps(plugins),
        "BUILDKITE_PLUGIN_CONFIGURATION": json.dumps(given),
    }

    assert deploy.run(with_agent(locked, job(locked, **env))) == 0

    (pipeline,) = uploaded(locked)
    _, again = pipeline["steps"]
    assert_valid(pipeline)
    assert (again["command"], again["plugins"]) == ("exit 1", plugins)
    assert "BUILDKITE_SKIP_CHECKOUT" not in again["env"]
    assert "agents" not in again


def test_the_keys_that_this_job_trusts_are_the_keys_of_the_next_one(locked: Scene) -> None:
    """They came from the pipeline's settings; no record says whom to trust."""
    order = Order(app=APP, region="us", commit=commit(7), act=named("x"))
    stopped = Stopped(lock=Lock(who="ann", why="mail", since="now"), alone=False)
    context = held(locked, SHIP_TRUSTED="clearance ed25519:AAAA")

    _, again = steps(context, order, "a-bucket", stopped, number=1)

    assert again["env"]["SHIP_TRUSTED"] == "clearance ed25519:AAAA"
    assert "concurrency" not in again


def test_only_the_newest_is_left_waiting_where_the_job_may_ask_buildkite(locked: Scene, tmp_path: Path) -> None:
    """The builds before it are let go, to end as superseded; without a token, or an answer, the job ends as well."""
    with running(tmp_path / "state") as info:
        env = {ENDPOINT: f"{info.url}/v2/", TOKEN: info.api_token, "BUILDKITE_ORGANIZATION_SLUG": "local"}
        with opened("local", env) as organization:
            waiting(organization, "locked-us-1", "locked-us-1", "locked-us-1")

            assert deploy.run(held(locked, **env, BUILDKITE_BUILD_NUMBER="3")) == 0

            assert blocked(organization) == [3]
    assert "let go build 1, which waited for the same lock" in locked.said
    assert deploy.run(held(locked, **env, SHIP_HELD="1")) == 0
    assert any(line.startswith("could not let go the builds of older releases") for line in locked.said)
