"""The jobs `conclude` and `deploy`, given what an agent gives them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import SystemClock
from pipeline_gen.config import Fleet, Process, resolved
from pipeline_gen.errors import Refused, UsageError
from pipeline_gen.plan import Plan, StoredPlan, digest
from pipeline_gen.shell import LocalShell
from pipeline_gen.suites.parts import TestPlan
from shipping.buildkite import Agent
from shipping.jobs import conclude, deploy
from shipping.jobs.context import JobContext
from shipping.lane import keys as lanes
from shipping.lane import machine
from shipping.records.beacon import Beacon
from shipping.records.lane import Token
from shipping.slug import clearances
from tests.shipping.jobs.test_slug import AGENT
from tests.shipping.release.scene import APP, Scene, commit, named, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer
    from shipping.records.ack import State


@pytest.fixture
def scene(objects: ObjectServer, tmp_path: Path) -> Iterator[Scene]:
    with opened(objects, tmp_path) as scene:
        names = ("home", "us", "eu")
        buckets = dict(zip(names, scene.shop.buckets, strict=True))
        scene.config = replace(
            scene.config,
            bucket=buckets["home"].name,
            regions=tuple(replace(one, bucket=buckets[one.name].name) for one in scene.config.regions),
        )
        yield scene


def job(scene: Scene, **env: str) -> JobContext:
    programs = scene.folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "buildkite-agent").write_text(AGENT)
    (programs / "buildkite-agent").chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "AGENT_LOG": str(scene.folder / "agent.log"),
        "LOG": str(scene.folder / "log"),
        "BUILDKITE_BUILD_ID": "b1",
        "BUILDKITE_STEP_ID": "s1",
        "BUILDKITE_BUILD_NUMBER": "3",
        "BUILDKITE_PIPELINE_SLUG": "inbox-deploy-us",
        "BUILDKITE_BUILD_CREATOR": "Grace",
        **scene.env,
        **env,
    }
    return JobContext(
        env=environment,
        root=scene.folder,
        clock=SystemClock(),
        shell=LocalShell(),
        agent=Agent(LocalShell(), environment),
        bucket={bucket.name: bucket for bucket in scene.shop.buckets}.__getitem__,
        say=scene.said.append,
    )


def step(scene: Scene, position: int, **env: str) -> JobContext:
    """Return the job as `ship buildkite sync` configures it."""
    where = {"SHIP_APP": APP, "SHIP_REGION": "us", "SHIP_BUCKET": scene.regions["us"].name}
    return job(scene, **{"BUILDKITE_COMMIT": commit(position), **where, **env})


def concluding(scene: Scene, position: int, *, main: bool = True) -> JobContext:
    plan = Plan(
        app=APP,
        build="b1",
        step=f"s{position}",
        commit=commit(position),
        branch="main" if main else "topic",
        main=main,
        base=None,
        position=position if main else None,
        source=resolved(scene.config),
        decisions=(),
        suites={"unit": TestPlan(suite="unit", target=180.0, parts=())},
    )
    scene.home.create(plan.key, StoredPlan(plan=plan, pipeline=()).encode())
    handed = {"plan": plan.key, "digest": digest(plan), "bucket": scene.home.name}
    return job(scene, BUILDKITE_PLUGIN_CONFIGURATION=json.dumps(handed))


def test_a_release_is_concluded_then_deployed(scene: Scene) -> None:
    """Exit 0 twice; the log and the annotation say what happened, the lane who did it."""
    scene.build(7)
    scene.verdict(7)

    assert conclude.run(concluding(scene, 7)) == 0
    assert f"release {commit(7)[:12]} at position 7: cleared" in scene.said
    assert deploy.run(step(scene, 7)) == 0
    assert f"{commit(7)[:12]} to us: deployed in" in scene.said[-1]
    assert "the first release there" in scene.said[-1]
    assert "annotate --context deploy --style success" in (scene.folder / "agent.log").read_text()
    (done,) = scene.ledger().read().transitions
    assert (done.actor, done.reason) == ("Grace", "build 3 of inbox-deploy-us")


def test_a_rejected_release_exits_1_and_says_why(scene: Scene) -> None:
    scene.verdict(7, "FAIL")

    assert conclude.run(concluding(scene, 7)) == 1
    assert scene.said[1:3] == ["  tests: FAIL", "  slug: none was built of this commit"]
    assert clearances.read(scene.regions["us"], APP, commit(7)) is None
    with pytest.raises(Refused, match="releases are of the main branch"):
        conclude.run(concluding(scene, 8, main=False))


def test_a_failing_command_fails_the_job_never_as_infrastructure(scene: Scene) -> None:
    """Whatever its status: 3 would have Buildkite run it again."""
    scene.clear(7)

    assert deploy.run(step(scene, 7, STATUS="3")) == 1
    assert "the deploy command ended with status 3" in scene.said[-1]
    assert "retry this job" in scene.said[-1]


def test_a_retried_job_is_the_same_act_and_a_new_build_another(scene: Scene) -> None:
    scene.clear(7)
    deploy.run(step(scene, 7, STATUS="1"))

    assert deploy.run(step(scene, 7, BUILDKITE_RETRY_COUNT="1")) == 0
    assert "deployed in" in scene.said[-1]
    assert deploy.run(step(scene, 7, BUILDKITE_BUILD_ID="b2")) == 0
    assert "superseded" in scene.said[-1]
    assert len(scene.log) == 2


def test_a_locked_region_is_green_and_says_who_and_why(scene: Scene) -> None:
    scene.clear(7)
    scene.ledger().change(named("hold", "mail"), lambda lane: machine.lock(lane, named("hold", "mail")))

    assert deploy.run(step(scene, 7)) == 0
    assert scene.said[-1].endswith("us is locked by ann since 2026-01-01T00:00:00.000Z: mail")
    assert scene.log == []


def test_the_plugin_says_the_same_as_the_steps_variables(scene: Scene) -> None:
    scene.clear(7)
    given = {"app": APP, "region": "us", "bucket": scene.regions["us"].name}

    status = deploy.run(job(scene, BUILDKITE_COMMIT=commit(7), BUILDKITE_PLUGIN_CONFIGURATION=json.dumps(given)))

    assert (status, len(scene.log)) == (0, 1)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"BUILDKITE_COMMIT": "HEAD"}, "it is not a full commit"),
        ({"SHIP_REGION": ""}, "are not all set"),
    ],
)
def test_what_to_deploy_where_must_be_said_whole(scene: Scene, env: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        deploy.run(step(scene, 7, **env))


@pytest.mark.parametrize(
    ("state", "status", "told", "style"),
    [
        ("triggered", 0, "2 of 2 hosts began in 0 s (token", "success"),
        ("failed", 1, "1 of 2 hosts began in 0 s; failed: b; 0 may fail or stay silent; us goes on wanting", "error"),
        ("failed", 1, "b: cannot boot 'web' | no such table", "error"),
    ],
)
def test_a_fleet_is_waited_for_and_the_build_says_how_it_ended(
    scene: Scene, state: State, status: int, told: str, style: str
) -> None:
    """Exit 1 where more hosts failed than may."""
    fleet = Fleet(hosts=("a", "b"), spread=0.0)
    regions = tuple(replace(one, deploy=None, fleet=fleet) for one in scene.config.regions)
    web = Process(name="web", command=("bin/start",))
    scene.config = replace(scene.config, regions=regions, processes=(web,))
    scene.clear(7)
    said: dict[str, State] = {"a": "triggered", "b": state}
    for host, word in said.items():
        scene.regions["us"].create(lanes.acks(APP, "us", Token(counter=1), word, host), b"")
    beacon = Beacon(
        host="b",
        environment="us",
        runs=None,
        wanted=Token(counter=1),
        reached=state,
        why="cannot boot 'web'\nok\nno such table",
        at="",
    )
    scene.regions["us"].create(lanes.beacon(APP, "us", "b"), beacon.encode())

    assert deploy.run(step(scene, 7)) == status
    assert told in scene.said[-1]
    assert f"annotate --context deploy --style {style}" in (scene.folder / "agent.log").read_text()
    assert scene.log == []
