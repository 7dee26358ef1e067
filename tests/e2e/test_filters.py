"""Filters and matrices as the real agent uploads them: what it interpolates, keeps raw and passes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.test_local_world import pipeline, start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from shipping.local.world import World

FILTERED = r"""
env: {SHAPE: round}
steps:
  - key: m
    label: "on {{matrix.os}}"
    command: echo "built on {{matrix.os}}, $$OS"
    env: {OS: "{{matrix.os}}"}
    matrix: {setup: {os: [linux, plan9]}}
  - {wait: ~, key: square, if: build.env("SHAPE") == "square"}
  - {key: tail, command: echo tail, if: 'build.branch =~ /^ma.n$$/ && build.env("SHAPE") == "round"'}
  - {key: elsewhere, command: exit 1, branches: release/*}
  - group: never
    if: build.message =~ /never/
    steps: [{key: grouped, command: exit 1}]
  - wait: {continue_on_failure: true}
  - command: {key: nested, command: echo nested}
"""
WRONG = """
steps:
  - {key: a, command: echo a, if: build.branch == && true}
  - {key: b, command: echo b, image: ubuntu}
"""


def test_filters_and_a_matrix_through_the_real_agent(
    world: World, repository: Callable[[Mapping[str, str]], Path]
) -> None:
    """What is left out is told apart, each combination runs with its own values, nested forms run."""
    build = start(world, repository(pipeline(FILTERED)), "filters")

    shown = world.wait(build)

    assert shown["state"] == "passed"
    states = {job["step_key"]: job["state"] for job in shown["jobs"] if job["step_key"]}
    assert states == {
        "m": "passed",
        "square": "broken",
        "tail": "passed",
        "elsewhere": "broken",
        "grouped": "broken",
        "nested": "passed",
    }
    first, second = world.jobs(build, "m")
    assert [first["name"], second["name"]] == ["on linux", "on plan9"]
    assert "built on linux, linux\n" in world.log(build, first)
    assert "built on plan9, plan9\n" in world.log(build, second)


def test_an_upload_that_is_refused_fails_its_job_and_says_why(
    world: World, repository: Callable[[Mapping[str, str]], Path]
) -> None:
    """Every fault at once, in the job's log; none of its steps is in the build."""
    build = start(world, repository(pipeline(WRONG)), "wrong")

    shown = world.wait(build)

    (upload,) = shown["jobs"]
    log = world.log(build, upload)
    assert shown["state"] == "failed"
    assert "step 1 ('a'): attribute 'if' must be a condition (character 17: expected a value, found '&&')" in log
    assert "step 2 ('b'): attribute 'image' is not implemented by the local Buildkite" in log
