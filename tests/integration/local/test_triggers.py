"""Builds that builds make: through the server, over a restart of it, and where the commit is a branch's tip."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

from shipping.local.control import running
from shipping.local.engine import events
from shipping.local.engine.machine import step
from shipping.local.engine.records import Author
from shipping.local.engine.states import JobState
from shipping.local.ledger.ledger import Ledger
from tests.integration.local.clients import FakeAgent, Rest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEPLOY = {"key": "d", "command": "x"}


def until(told: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it is that comes
    """Return the first thing that is there; the server makes triggered builds when it comes to it."""
    deadline = time.monotonic() + 10
    while not (found := told()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def triggered(rest: Rest, number: int = 1) -> dict[str, Any] | None:
    """Return the build that the build's trigger step made, once there is one."""
    job = next(job for job in rest.read(number)["jobs"] if job["type"] == "trigger")
    made: dict[str, Any] | None = job["triggered_build"]
    return made


def test_both_builds_name_each_other(rest: Rest, agent: FakeAgent) -> None:
    rest.pipeline(DEPLOY, slug="deploy")
    rest.start({"trigger": "deploy", "key": "t", "label": "Go", "build": {"env": {"A": "1"}, "meta_data": {"k": "v"}}})

    made = until(lambda: triggered(rest))

    child = rest.read(made["number"], slug="deploy")
    parent = rest.read()
    assert made == {name: child[name] for name in ("id", "number", "url", "web_url")}
    assert (child["source"], child["message"], child["env"], child["meta_data"]) == (
        "trigger_job",
        "Go",
        {"A": "1"},
        {"k": "v"},
    )
    assert child["triggered_from"] == {
        "build_id": parent["id"],
        "build_number": 1,
        "build_pipeline_slug": "inbox",
    }
    assert (parent["state"], parent["jobs"][0]["async"], parent["jobs"][0]["state"]) == ("running", False, "running")
    work = agent.begin()
    assert work.env["BUILDKITE_TRIGGERED_FROM_BUILD_ID"] == parent["id"]
    work.finish()
    assert (rest.read()["state"], rest.states()["t"]) == ("passed", "passed")


def test_a_triggered_build_is_of_its_own_pipelines_branch(rest: Rest, tmp_path: Path) -> None:
    """The tip is looked up in the triggered pipeline's repository; a branch that is not there fails the step, and says so."""
    root = tmp_path / "repository"
    git = ["git", "-C", str(root), "-c", "user.name=A", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    tip = subprocess.run([*git, "rev-parse", "main"], check=True, capture_output=True, text=True).stdout.strip()
    rest.pipeline(DEPLOY, slug="deploy", repository=str(root))
    rest.start(
        {"trigger": "deploy", "key": "there", "label": "x"},
        {"trigger": "deploy", "key": "gone", "label": "x", "build": {"branch": "nobody"}},
    )

    until(lambda: rest.states()["gone"] == "failed")

    made = until(lambda: triggered(rest))
    assert rest.read(made["number"], slug="deploy")["commit"] == tip


def test_a_pipeline_that_is_not_there_is_refused_at_the_upload_or_fails_the_step(rest: Rest, agent: FakeAgent) -> None:
    rest.start({"key": "a", "command": "x"})
    work = agent.begin()
    refused = work.upload({"trigger": "deploy"})
    assert (refused.status, "the slug of a pipeline that exists, not 'deploy'" in refused.message) == (422, True)
    rest.pipeline(DEPLOY, slug="deploy")
    assert work.upload({"trigger": "deploy", "key": "t", "depends_on": "a"}).status == 200
    assert rest.call("DELETE", "/pipelines/deploy").status == 204

    work.finish()

    until(lambda: rest.states()["t"] == "failed")
    assert rest.read()["state"] == "failed"


def test_what_was_asked_for_before_a_kill_is_made_after_it(tmp_path: Path) -> None:
    """The request is what the ledger says of the job: no message that a crash could lose."""
    with running(tmp_path / "state") as info:
        rest = Rest(info)
        rest.pipeline(DEPLOY, slug="deploy")
        rest.pipeline({"block": "go", "key": "go"}, {"trigger": "deploy", "key": "t"})
        rest.build()
    unblock_and_die(tmp_path / "state")

    with running(tmp_path / "state") as info:
        rest = Rest(info)
        made = until(lambda: triggered(rest))
        agent = FakeAgent.register(info)
        agent.begin().finish()

        assert made["number"] == 1
        assert [build["number"] for build in rest.call("GET", "/pipelines/deploy/builds").json] == [1]
        assert (rest.states()["t"], rest.read()["state"]) == ("passed", "passed")


def unblock_and_die(state: Path) -> None:
    """Unblock in the ledger alone, as a server does that is killed between its commit and the build it then makes."""
    ledger = Ledger(state / "ledger.sqlite3")
    before = ledger.records.load()
    ((job,),) = [[job for job in jobs.values() if job.state is JobState.BLOCKED] for jobs in before.jobs.values()]
    after, commands = step(before, events.JobUnblocked(at=job.created_at + 1, job=job.id, by=Author()))
    ledger.carry_out(commands, after)
    ledger.close()


def test_canceling_reaches_down_and_up(rest: Rest, agent: FakeAgent) -> None:
    rest.pipeline(DEPLOY, slug="deploy")
    rest.pipeline({"trigger": "deploy", "key": "t"})
    rest.build()
    until(lambda: triggered(rest))
    work = agent.begin()

    assert rest.call("PUT", "/pipelines/inbox/builds/1/cancel").status == 200
    assert work.call("GET", "").json["state"] == "canceling"
    work.finish(1)
    assert [rest.read()["state"], rest.read(slug="deploy")["state"]] == ["canceled", "canceled"]

    rest.build()
    until(lambda: triggered(rest, 2))
    assert rest.call("PUT", "/pipelines/deploy/builds/2/cancel").status == 200
    assert (rest.read(2)["state"], rest.states(2)["t"]) == ("failed", "canceled")


def test_intermediate_builds_go_as_the_pipeline_says(rest: Rest, agent: FakeAgent) -> None:
    """Settings by Buildkite's names; a null filter is none."""
    rest.pipeline({"key": "a", "command": "x"})
    settings = {
        "skip_queued_branch_builds": True,
        "cancel_running_branch_builds": True,
        "cancel_running_branch_builds_filter": "!main",
    }
    changed = rest.call("PATCH", "/pipelines/inbox", settings).json
    assert {name: changed[name] for name in settings} == settings
    assert changed["skip_queued_branch_builds_filter"] is None

    rest.build()
    agent.begin()
    states = [rest.build()["state"] for _ in range(2)]
    assert states == ["scheduled", "scheduled"]
    assert [rest.read(number)["state"] for number in (1, 2, 3)] == ["running", "skipped", "scheduled"]
    changed = rest.call("PATCH", "/pipelines/inbox", dict.fromkeys(settings)).json
    assert [changed[name] for name in settings] == [False, False, None]
