"""The job of the plugin `slug`, in a real checkout, against a real S3 server."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import SystemClock
from pipeline_gen.config import Config, Fleet, Keys, Layer, PublicKeys, Region, Slug, from_resolved, resolved
from pipeline_gen.errors import Refused, UsageError
from pipeline_gen.plan import Plan, StoredPlan, digest
from pipeline_gen.shell import LocalShell
from shipping.buildkite import Agent
from shipping.jobs import slug
from shipping.jobs.context import JobContext
from shipping.lane import keys as lanes
from shipping.local.objects import Fault
from shipping.records.following import Following
from shipping.signing.private import FileKey
from shipping.slug import keys
from shipping.slug.assembly import released
from shipping.slug.verify import verify
from tests.objects import own_bucket
from tests.shipping.signing.keys import Ring
from tests.shipping.slug.shop import APP, APPLICATION, DEPENDENCIES, checkout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.objects import ObjectServer
    from shipping.records.signature import Purpose
    from shipping.s3 import Bucket
    from shipping.slug.keys import Domain

# What the configuration calls a purpose, and what signatures call it.
NAMES: dict[str, Purpose] = {"main": "main", "pull_request": "pr", "clearance": "clearance"}

# What the real agent is asked to do, written down: program, arguments, standard input.
AGENT = """#!/bin/sh
{ echo "$@"; cat; echo; } >> "$AGENT_LOG"
exit "${AGENT_STATUS:-0}"
"""


@dataclass(kw_only=True)
class Job:
    """A job of the plugin in a checkout of one commit."""

    context: JobContext
    buckets: list[Bucket]
    plan: Plan
    said: list[str]
    log: Path

    def run(self) -> int:
        self.buckets[0].create(self.plan.key, StoredPlan(plan=self.plan, pipeline=()).encode())
        configuration = {"plan": self.plan.key, "digest": digest(self.plan), "bucket": self.buckets[0].name}
        env = {**self.context.env, "BUILDKITE_PLUGIN_CONFIGURATION": json.dumps(configuration)}
        return slug.run(replace(self.context, env=env))

    @property
    def told(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture
def job(objects: ObjectServer, tmp_path: Path) -> Iterator[Job]:
    root = checkout(tmp_path / "checkout")
    (root / ".gitignore").write_text("vendor/\nruns\n")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "one")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "buildkite-agent").write_text(AGENT)
    (programs / "buildkite-agent").chmod(0o755)
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "AGENT_LOG": str(tmp_path / "agent.log")}
    with ExitStack() as stack:
        buckets = [stack.enter_context(own_bucket(objects)) for _ in range(3)]
        by_name = {bucket.name: bucket for bucket in buckets}
        said: list[str] = []
        context = JobContext(
            env=env,
            root=root,
            clock=SystemClock(),
            shell=LocalShell(),
            agent=Agent(LocalShell(), env),
            bucket=by_name.__getitem__,
            say=said.append,
        )
        yield Job(
            context=context,
            buckets=buckets,
            plan=plan_of(root, [bucket.name for bucket in buckets]),
            said=said,
            log=tmp_path / "agent.log",
        )


def plan_of(
    root: Path,
    buckets: list[str],
    *,
    main: bool = True,
    layers: tuple[Layer, ...] = (DEPENDENCIES, APPLICATION),
    keys: Keys | None = None,
) -> Plan:
    config = Config(
        app=APP,
        bucket=buckets[0],
        slug=Slug(layers=layers, keys=keys) if layers else None,
        regions=tuple(Region(name=f"r{number}", bucket=name) for number, name in enumerate(buckets)),
    )
    return Plan(
        app=APP,
        build="build-1",
        step="step-1",
        commit=git(root, "rev-parse", "HEAD"),
        branch="main",
        main=main,
        base=None,
        position=1 if main else None,
        source=resolved(config),
        decisions=(),
        suites={},
    )


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.test"]
    done = subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_slug_of_main(job: Job) -> None:
    """Published to three buckets, released under the commit, shown on the page, its id left for later steps."""
    assert job.run() == 0

    name = released(job.buckets[0], APP, job.plan.commit)
    assert name is not None
    assert [one.faults for one in verify(job.buckets, APP, name, purpose="main")] == [(), (), ()]
    assert f"annotate --context slug-{APP} --style success" in job.told
    assert f"**Slug** `{name}`" in job.told
    assert f"meta-data set {APP}:slug\n{name}" in job.told
    assert "3 of 3 buckets" in job.said[-1]


@pytest.mark.parametrize("main", [True, False])
def test_a_slug_that_is_signed(job: Job, tmp_path: Path, main: bool) -> None:  # noqa: FBT001 - pytest passes it
    """By the key of what the build is for, which is the plan's word; the log never shows a key."""
    ring = Ring()
    for purpose in ("main", "pr", "clearance"):
        ring.keys[purpose] = FileKey.generate(tmp_path / f"{purpose}.pem")
    public = PublicKeys(**{name: (str(ring.keys[one].public),) for name, one in NAMES.items()})
    where = {name: f"file:{tmp_path}/{one}.pem" for name, one in NAMES.items()}
    buckets = [bucket.name for bucket in job.buckets]
    job.plan = plan_of(job.context.root, buckets, main=main, keys=Keys(**where, public=public))

    assert job.run() == 0

    domain: Domain = "main" if main else "pr"
    [name] = [key.split("/")[2][:64] for key in job.buckets[0].list(f"{APP}/manifests/") if key.endswith(".sig")]
    checked = verify(job.buckets, APP, name, purpose=domain, trusted=ring.trusted)
    assert [one.faults for one in checked] == [(), (), ()]
    assert not any("PRIVATE" in line for line in job.said)


def test_the_slug_of_a_pull_request(job: Job) -> None:
    """Its plan says that it is not main's: nothing is released, and main's keys stay untouched."""
    job.plan = replace(job.plan, main=False, position=None)

    assert job.run() == 0

    written = [key for key in job.buckets[0].list("") if not key.startswith(f"{APP}/plans/")]
    assert not any(key.startswith((f"{APP}/releases/", f"{APP}/blobs/main/", f"{APP}/layers/main/")) for key in written)


def test_a_region_that_is_down(job: Job, objects: ObjectServer) -> None:
    """The job is done, and says which bucket lacks the slug, in the log and on the page."""
    objects.faults.add(Fault(kind="503", bucket=job.buckets[2].name, times=None))

    assert job.run() == 0

    assert any(line.startswith(f"missing in bucket {job.buckets[2].name!r}") for line in job.said)
    assert "--style warning" in job.told
    assert f"missing in `{job.buckets[2].name}`" in job.told


def test_a_dirty_checkout_is_said(job: Job) -> None:
    """In the log and on the page; what a hook of the agent leaves there is the team's business."""
    (job.context.root / "inbox/web.py").write_text("edited")

    assert job.run() == 0

    assert "1 uncommitted changes (inbox/web.py)" in job.said[0]
    assert "--style warning" in job.told


def test_another_commit_is_checked_out(job: Job) -> None:
    """The slug would be of something else: refused, nothing written."""
    git(job.context.root, "commit", "-q", "--allow-empty", "-m", "two")

    with pytest.raises(Refused, match="the checkout is at"):
        job.run()
    assert [key for key in job.buckets[0].list("") if "/plans/" not in key] == []


def test_the_page_is_not_worth_failing_for(job: Job) -> None:
    """An agent that cannot annotate costs the annotation only."""
    env = {**job.context.env, "AGENT_STATUS": "1"}
    job.context = replace(job.context, env=env, agent=Agent(LocalShell(), env))

    assert job.run() == 0
    assert released(job.buckets[0], APP, job.plan.commit) is not None
    assert any("could not show the slug" in line for line in job.said)


def test_a_plan_without_a_slug(job: Job) -> None:
    """A step that should not be there."""
    job.plan = plan_of(job.context.root, [bucket.name for bucket in job.buckets], layers=())

    with pytest.raises(UsageError, match="has no 'slug'"):
        job.run()


def test_the_output_of_a_layers_command_is_the_log(job: Job) -> None:
    """Line by line, as it comes; a command that is not there is told."""
    noisy = replace(DEPENDENCIES, run=("sh", "-c", "echo installing; mkdir -p vendor; touch vendor/x"))
    job.plan = plan_of(job.context.root, [bucket.name for bucket in job.buckets], layers=(noisy, APPLICATION))

    assert job.run() == 0
    assert "installing" in job.said


def test_the_plugins_configuration_is_missing(job: Job) -> None:
    """Named, with where such steps come from."""
    env = {**job.context.env, "BUILDKITE_PLUGIN_CONFIGURATION": '{"plan": "x"}'}

    with pytest.raises(UsageError, match="lacks 'digest'"):
        slug.run(replace(job.context, env=env))


def test_a_second_job_of_the_commit(job: Job) -> None:
    """A retry finds the slug released, and installs nothing."""
    job.run()
    before = (job.context.root / "runs").read_text()

    assert job.run() == 0
    assert (job.context.root / "runs").read_text() == before
    assert job.buckets[0].get(keys.release(APP, job.plan.commit)) is not None


def test_hosts_may_fetch_what_main_has_published(job: Job) -> None:
    """Where a region has hosts; what a pull request built is named to nobody."""
    config = from_resolved(job.plan.source)
    regions = [replace(region, fleet=Fleet(hosts=("h1",))) for region in config.regions[1:]]
    with_hosts = replace(config, regions=(config.regions[0], *regions))
    job.plan = replace(job.plan, source=resolved(with_hosts), main=False, position=None)
    job.run()
    assert [bucket.get(lanes.following(APP, "r1")) for bucket in job.buckets] == [None] * 3

    job.plan = replace(job.plan, build="b2", main=True, position=7)
    job.run()

    found = {}
    for number, bucket in enumerate(job.buckets):
        key = lanes.following(APP, f"r{number}")
        stored = bucket.get(key)
        found[number] = stored and Following.decode(stored.body, where=key).position
    assert found == {0: None, 1: 7, 2: 7}
