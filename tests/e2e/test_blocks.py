"""A release as people run it: built, asked for, deployed by a build of another pipeline. With the real agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from shipping.local.world import Build, World

RELEASE = """
steps:
  - {key: build, command: "echo built"}
  - block: "Release %n?"
    key: ask
    prompt: Where to?
    allowed_teams: [sre]
    fields:
      - {text: Version, key: version, format: '[0-9]+[.][0-9]+'}
      - select: Regions
        key: regions
        multiple: true
        options: [{label: US, value: us}, {label: EU, value: eu}, {label: AU, value: au}]
  - key: prepare
    command: |
      regions=$$(buildkite-agent meta-data get regions | tr '\\n' ,)
      echo "$$(buildkite-agent meta-data get version) for $$regions by $$BUILDKITE_UNBLOCKER"
  - wait
  - trigger: e2e-deploy
    key: deploy
    label: ":rocket: %N of %t"
    parallelism: 2
    build:
      branch: ${BUILDKITE_BRANCH}
      commit: ${BUILDKITE_COMMIT}
      env: {STREAM: stable}
      meta_data: {asked-in: "${BUILDKITE_BUILD_NUMBER}"}
  - wait
  - {key: tell, command: "echo released"}
"""
DEPLOY = """
steps:
  - key: run
    command: >-
      echo deploying $STREAM part $BUILDKITE_PARALLEL_JOB of $(buildkite-agent meta-data get asked-in)
      from $BUILDKITE_TRIGGERED_FROM_BUILD_PIPELINE_SLUG by $BUILDKITE_SOURCE
"""


def test_a_release_is_unblocked_with_its_fields_and_deployed_by_another_pipeline(
    world: World, repository: Callable[[Mapping[str, str]], Path]
) -> None:
    root = repository({".buildkite/pipeline.yml": RELEASE})
    world.create_pipeline("e2e-deploy", root, configuration=DEPLOY)
    world.create_pipeline("e2e-release", root)
    build = world.build("e2e-release")

    shown = world.wait(build)
    assert (shown["blocked"], shown["state"]) == (True, "passed"), shown["state"]
    (ask,) = (job for job in shown["jobs"] if job["type"] == "manual")
    assert (ask["state"], ask["unblockable"], [field["key"] for field in ask["fields"]]) == (
        "blocked",
        True,
        ["version", "regions"],
    )
    world.api.jobs().unblock_job(
        world.organization, build.pipeline, build.number, ask["id"], {"version": "1.2", "regions": ["us", "au"]}
    )
    shown = world.wait(build)

    assert shown["state"] == "passed"
    assert "1.2 for us,au by Local\n" in log(world, build, "prepare")
    assert "released\n" in log(world, build, "tell")
    assert shown["meta_data"]["regions"] == "us\nau"
    triggers = [job for job in shown["jobs"] if job["type"] == "trigger"]
    assert [(job["name"], job["state"]) for job in triggers] == [
        (":rocket: 1 of 2", "passed"),
        (":rocket: 2 of 2", "passed"),
    ]
    for place, job in enumerate(triggers):
        child = of(world, build, job["triggered_build"]["number"])
        assert f"deploying stable part {place} of {build.number} from e2e-release by trigger_job\n" in log(
            world, child, "run"
        )
        told = world.show(child)
        assert (told["commit"], told["source"]) == (shown["commit"], "trigger_job")
        assert told["triggered_from"]["build_number"] == build.number


def of(world: World, like: Build, number: int) -> Build:
    """Return a build of the deploying pipeline."""
    return type(like)(pipeline="e2e-deploy", number=number, url=world.url)


def log(world: World, build: Build, key: str) -> Any:  # noqa: ANN401 - text
    return world.log(build, world.jobs(build, key)[0])
