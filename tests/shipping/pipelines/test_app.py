"""What the app's pipeline must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import load
from pipeline_gen.errors import Faults
from shipping.pipelines.app import define, first_step
from tests.oracle import assert_valid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shipping.pipelines.desired import Context


def test_every_commit_of_main_is_built_and_elsewhere_only_the_newest(context: Callable[..., Context]) -> None:
    """A commit that its branch has built already is built once more on main: that build ships."""
    found = define(context())

    assert found.slug == "inbox"
    assert found.settings["cancel_running_branch_builds_filter"] == "!main"
    assert found.settings["skip_queued_branch_builds_filter"] == "!main"
    assert found.provider["skip_builds_for_existing_commits"] is False
    assert (found.cluster, found.teams) == (None, {})


def test_the_configuration_names_prefix_cluster_teams_and_queue(context: Callable[..., Context]) -> None:
    found = define(context(prefix="web", cluster="main", teams={"sre": "read_only"}, queues={"plan": "uploaders"}))

    assert (found.slug, found.cluster, found.teams) == ("web-inbox", "main", {"sre": "read_only"})
    assert 'agents: {queue: "uploaders"}' in found.settings["configuration"]


@pytest.mark.parametrize("queue", ["default", "uploaders", "a#b: c"])
def test_the_first_step_is_one_that_buildkite_takes(queue: str) -> None:
    """The default queue is named by no agent rule: a cluster may call it anything."""
    import yaml

    pipeline = yaml.safe_load(first_step(queue))

    assert_valid(pipeline)
    assert pipeline["steps"][0].get("agents") == (None if queue == "default" else {"queue": queue})


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ("organization: Acme Inc", "buildkite/organization"),
        ("prefix: -x", "buildkite/prefix"),
        ("cluster: ''", "buildkite/cluster"),
        ("teams: {sre: admin}", "buildkite/teams/sre"),
        ("teams: {Site Reliability: read_only}", "buildkite/teams/Site Reliability"),
        ("teams: [sre]", "buildkite/teams"),
        ("organisation: acme", "did you mean 'organization'?"),
    ],
)
def test_a_wrong_section_is_named(tmp_path: Path, section: str, fault: str) -> None:
    file = tmp_path / "shipping.yml"
    file.write_text(f"app: inbox\nsuites: [{{name: unit}}]\nbuildkite:\n  {section}\n")

    with pytest.raises(Faults) as told:
        load(file)
    assert fault in str(told.value)
