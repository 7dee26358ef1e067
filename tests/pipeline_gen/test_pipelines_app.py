from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline_gen import steps
from pipeline_gen.config import Config, Deploy, Layer, Region, ShardLimits, Slug, Suite, resolved
from pipeline_gen.lint import lint
from pipeline_gen.pipelines import app
from pipeline_gen.plan import Plan
from pipeline_gen.policy import JOBS_PER_CHUNK
from pipeline_gen.suites.parts import Part, TestPlan
from tests.oracle import assert_valid

if TYPE_CHECKING:
    from collections.abc import Mapping

SLUG = Slug(layers=(Layer(name="app", keep=("inbox",)),))


def plan(
    *,
    shards: Mapping[str, int],
    main: bool = True,
    slug: Slug | None = SLUG,
    select: str = "off",
    deploys: tuple[str, ...] = (),
) -> Plan:
    suites = tuple(Suite(name=name, select=select, shards=ShardLimits(max=5000)) for name in shards)  # type: ignore[arg-type]
    regions = tuple(Region(name=name, bucket=f"ship-{name}", deploy=Deploy(command=("bin/go",))) for name in deploys)
    config = Config(app="inbox", bucket="ship-us", suites=suites, slug=slug, regions=regions)
    return Plan(
        app="inbox",
        build="b1",
        step="s1",
        commit="c" * 40,
        branch="main",
        main=main,
        base=None,
        position=1 if main else None,
        source=resolved(config),
        decisions=(),
        suites={
            name: TestPlan(
                suite=name,
                target=180.0,
                parts=tuple(Part(files=(f"tests/test_{number}.py",), seconds=60.0) for number in range(count)),
            )
            for name, count in shards.items()
        },
    )


def uploads(made: Plan) -> list[dict[str, Any]]:
    return [steps.render(chunk) for chunk in steps.chunks(app.steps(made), limit=JOBS_PER_CHUNK)]


def flat(made: Plan) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for pipeline in uploads(made):
        for step in pipeline["steps"]:
            for one in step.get("steps", [step]):
                found[one["key"]] = one
    return found


@pytest.mark.parametrize("deploys", [(), ("us", "eu")])
@pytest.mark.parametrize("select", ["off", "shadow", "on"])
@pytest.mark.parametrize("main", [True, False])
@pytest.mark.parametrize(
    "shards", [{}, {"unit": 0}, {"unit": 1}, {"unit": 4, "js": 2}, {"unit": 1350}, {"a": 440, "b": 20}]
)
def test_every_pipeline_is_sound_and_satisfies_buildkites_schema(
    shards: dict[str, int], select: str, deploys: tuple[str, ...], *, main: bool
) -> None:
    """Lint finds nothing, and neither does the published schema."""
    made = uploads(plan(shards=shards, main=main, select=select, deploys=deploys))

    assert lint(made) == []
    for pipeline in made:
        assert_valid(pipeline)


def test_shards_the_proof_and_the_slug_run_beside_each_other() -> None:
    """Only the proof waits, for the shards, however they end."""
    found = flat(plan(shards={"unit": 4}))

    assert sorted(found) == ["slug", "tests-complete", "tests-unit"]
    assert found["tests-unit"]["parallelism"] == 4
    assert found["tests-complete"]["depends_on"] == [{"step": "tests-unit", "allow_failure": True}]
    assert "depends_on" not in found["slug"]
    assert "depends_on" not in found["tests-unit"]


def test_an_agent_that_skips_the_plugin_is_red() -> None:
    """The step's own command fails; a plugin's hook replaces it."""
    for step in flat(plan(shards={"unit": 4}, select="on")).values():
        assert step["command"].endswith("exit 1")
        (plugin,) = step["plugins"]
        ((source, configuration),) = plugin.items()
        assert source.startswith("./.buildkite/plugins/")
        assert configuration["plan"] == "inbox/plans/b1/s1.json"
        assert configuration["digest"] == step["env"]["SHIP_PLAN"]


def test_only_infrastructure_is_retried() -> None:
    """A lost agent, our own exit status 3 and a stopped agent; never a failing test."""
    rules = flat(plan(shards={"unit": 2}))["tests-unit"]["retry"]["automatic"]

    assert [rule.get("exit_status", rule.get("signal_reason")) for rule in rules] == [-1, 3, "agent_stop"]


def test_a_suite_with_nothing_to_run_stays_in_the_pipeline_with_its_reason() -> None:
    """The same steps always; skipped ones say why."""
    step = flat(plan(shards={"unit": 0}))["tests-unit"]

    assert step["skip"] == "no test file is affected by the change"
    assert "parallelism" not in step


def test_more_shards_than_one_upload_holds_are_cut_and_proven_together() -> None:
    """1,350 shards: every index once, and the proof comes in the last upload, after all it depends on."""
    made = plan(shards={"unit": 1350}, slug=None)
    found = flat(made)
    shards = [found[key] for key in found if key.startswith("tests-unit")]
    indices = [
        step["plugins"][0]["./.buildkite/plugins/test-shard"].get("first", 0) + number
        for step in shards
        for number in range(step["parallelism"])
    ]

    assert sorted(indices) == list(range(1350))
    last = uploads(made)[-1]["steps"][-1]["steps"][-1]
    assert last["key"] == "tests-complete"
    assert len(last["depends_on"]) == len(shards) == 4


def test_coverage_is_recorded_on_main_beside_the_critical_path() -> None:
    """Nothing waits for it, its failure is soft, and pull requests never write it."""
    main = flat(plan(shards={"unit": 3}, select="shadow"))
    branch = flat(plan(shards={"unit": 3}, select="shadow", main=False))

    assert (main["record-unit"]["soft_fail"], main["record-unit"]["parallelism"]) == (True, 3)
    assert main["record-unit"]["priority"] < 0
    assert not any("record-unit" in str(step.get("depends_on")) for step in main.values())
    assert "record-unit" not in branch


def test_a_release_of_main_is_concluded_and_triggers_a_deploy_of_its_own_in_every_region() -> None:
    """The conclusion hears of everything, however it ended; a deploy only of a release that was cleared."""
    found = flat(plan(shards={"unit": 1}, deploys=("us", "eu")))

    assert found["conclude"]["depends_on"] == [
        {"step": "tests-complete", "allow_failure": True},
        {"step": "slug", "allow_failure": True},
    ]
    assert found["deploy-eu"] == {
        "trigger": "inbox-deploy-eu",
        "label": "deploy to eu",
        "key": "deploy-eu",
        "async": True,
        "depends_on": [{"step": "conclude"}],
        "build": {
            "commit": "c" * 40,
            "branch": "main",
            "message": "cccccccccccc to eu",
            "meta_data": {"inbox:release": "1"},
        },
    }
    assert flat(plan(shards={}, deploys=("us",)))["conclude"]["depends_on"] == [{"step": "slug", "allow_failure": True}]


def test_nothing_is_released_from_a_branch_or_to_a_region_that_does_not_deploy() -> None:
    assert "conclude" not in flat(plan(shards={"unit": 1}, deploys=("us",), main=False))
    assert "conclude" not in flat(plan(shards={"unit": 1}))
