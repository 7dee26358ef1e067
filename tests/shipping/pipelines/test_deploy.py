"""What the pipeline of a region's deploys must be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline_gen.config import Config, Fleet, load
from pipeline_gen.lint import lint
from shipping.pipelines.definitions import desired
from shipping.pipelines.deploy import define, first_step
from shipping.pipelines.desired import Context
from shipping.pipelines.sync import sync
from tests.oracle import assert_valid

if TYPE_CHECKING:
    from shipping.buildkite.organization import Organization

TEXT = """
app: inbox
bucket: ship-us
slug: {layers: {app: {keep: [inbox]}}}
buildkite: BUILDKITE
regions:
  us: {bucket: ship-us, deploy: {command: bin/go}}
  eu: {bucket: ship-eu}
"""


def context(config: Config) -> Context:
    return Context(config=config, repository="git@git.example:acme/inbox.git")


def read(folder: object, buildkite: str = "{}", keys: str | None = None) -> Config:
    from pathlib import Path

    file = Path(str(folder)) / "shipping.yml"
    text = TEXT.replace("BUILDKITE", buildkite)
    file.write_text(text if keys is None else text.replace("slug: {", f"slug: {{keys: {keys}, "))
    return load(file)


def test_only_releases_start_builds_and_none_is_skipped_or_rebuilt(tmp_path: object) -> None:
    """A region that does not deploy has no pipeline."""
    (found,) = define(context(read(tmp_path)))

    assert found.slug == "inbox-deploy-us"
    assert found.provider == {"trigger_mode": "none"}
    assert found.settings["allow_rebuilds"] is False
    assert found.settings["skip_queued_branch_builds"] is False
    assert found.settings["cancel_running_branch_builds"] is False
    assert [one.slug for one in desired(context(read(tmp_path)))] == ["inbox", "inbox-deploy-us"]


def test_its_one_step_needs_no_file_of_the_repository(tmp_path: object) -> None:
    """No plugin, no checkout, one at a time; retried only where the world failed."""
    import yaml

    config = read(tmp_path, "{prefix: web, queues: {deploy: deployers}}")
    (found,) = define(context(config))
    pipeline = yaml.safe_load(found.settings["configuration"])
    (step,) = pipeline["steps"]

    assert_valid(pipeline)
    assert lint([pipeline]) == []
    assert found.slug == "web-inbox-deploy-us"
    assert step["command"] == "ship job deploy"
    assert step["agents"] == {"queue": "deployers"}
    assert step["env"] == {
        "SHIP_APP": "inbox",
        "SHIP_REGION": "us",
        "SHIP_BUCKET": "ship-us",
        "BUILDKITE_SKIP_CHECKOUT": "true",
    }
    assert (step["concurrency"], step["concurrency_group"]) == (1, "inbox/deploy/us")
    assert [(rule.get("exit_status"), rule.get("signal_reason")) for rule in step["retry"]["automatic"]] == [
        (-1, None),
        (3, None),
        (None, "agent_stop"),
    ]
    assert "plugins" not in step


def test_the_public_keys_stand_in_the_settings(tmp_path: object) -> None:
    """Those of pull requests do not: nothing of theirs is ever deployed."""
    import json

    from tests.shipping.signing.keys import Ring

    public = {purpose: str(key.public) for purpose, key in Ring().keys.items()}
    named = {"main": public["main"], "pull_request": public["pr"], "clearance": public["clearance"]}
    private = {name: f"file:/etc/ship/{name}.pem" for name in named}
    keys = json.dumps({**private, "public": named})
    (found,) = define(context(read(tmp_path, "{}", keys)))

    (step,) = json.loads(found.settings["configuration"])["steps"]

    assert step["env"]["SHIP_TRUSTED"] == f"main {public['main']},clearance {public['clearance']}"


def test_it_is_made_once_and_then_as_it_must_be(organization: Organization, tmp_path: object) -> None:
    """Each setting is one that Buildkite keeps and shows."""
    pipelines = desired(context(read(tmp_path)))

    first = sync(organization, pipelines, act=True, show=lambda _: None)
    second = sync(organization, pipelines, act=True, show=lambda _: None)

    assert [one.action for one in first] == ["create", "create"]
    assert [(one.action, one.changes) for one in second] == [("none", ()), ("none", ())]


def test_a_deploy_that_waits_for_hosts_holds_up_no_newer_one(tmp_path: object) -> None:
    import json

    config = read(tmp_path)
    (us,) = config.deploying
    hosts = replace(us, deploy=None, fleet=Fleet(hosts=("h1",)))

    (step,) = json.loads(first_step(config, hosts))["steps"]

    assert "concurrency" not in step
