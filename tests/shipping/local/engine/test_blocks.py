"""Block and input steps, from the moment in which they hold a build to the one in which a person lets it go on."""

from __future__ import annotations

import pytest

from shipping.local.engine import events
from shipping.local.engine.commands import SetMetaData
from shipping.local.engine.kinds import Block
from shipping.local.engine.records import Author
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import BuildState, JobState
from tests.shipping.local.engine.driver import Driver, command

ASK = {"block": "Release?", "key": "ask", "fields": [{"text": "Name", "key": "name"}]}


def refusal(drive: Driver, key: str, **fields: str) -> tuple[int, str]:
    with pytest.raises(Rejection) as caught:
        drive.unblock(key, **fields)
    return caught.value.status, caught.value.message


def test_what_a_block_says_is_kept() -> None:
    drive = Driver().create(
        {
            "block": "Release?",
            "key": "ask",
            "prompt": "P",
            "submit": "Go",
            "blocked_state": "failed",
            "allowed_teams": ["a", "b"],
        },
        {"manual": None, "label": "L", "key": "old", "allowed_teams": "a"},
        "block",
    )

    steps = [drive.state.steps[drive.build_id][one] for one in drive.build.order]
    assert [step.label for step in steps] == ["Release?", "L", ""]
    assert steps[0].body == Block(prompt="P", submit="Go", blocked_state="failed", allowed_teams=("a", "b"))
    assert steps[1].body == Block(allowed_teams=("a",))


def test_answers_are_meta_data_and_the_unblocker_is_kept() -> None:
    drive = Driver().create(ASK, command("a"))
    drive.commands.clear()

    drive.unblock("ask", name="One")

    (job,) = drive.jobs("ask")
    assert (job.state, job.unblocker, job.answers) == (JobState.UNBLOCKED, Author(name="Ann"), {"name": "One"})
    assert SetMetaData(build=drive.build_id, key="name", value="One") in drive.commands
    assert drive.scheduled() == ["a"]


def test_what_cannot_be_unblocked_says_why_and_stays() -> None:
    """In Buildkite's words, where its documentation has them."""
    drive = Driver().create(command("a"), ASK, {"input": "x", "key": "free"})
    before = drive.state

    assert refusal(drive, "a") == (400, "This job type cannot be unblocked")
    assert refusal(drive, "ask", name="x") == (422, "The job's state must be blocked, and it is waiting")
    assert refusal(drive, "free", name="x") == (422, "field 'name' is not asked for")
    assert drive.state == before

    drive.unblock("free")
    assert refusal(drive, "free") == (422, "The job's state must be blocked, and it is unblocked")
    drive.apply(events.BuildCanceled(at=drive.at, build=drive.build_id))
    assert refusal(drive, "ask", name="x") == (422, "Jobs from canceled builds cannot be unblocked")


def test_a_blocked_build_can_be_canceled() -> None:
    drive = Driver().create(ASK, command("a"))
    assert drive.build.state == "blocked"

    drive.apply(events.BuildCanceled(at=drive.at, build=drive.build_id))

    assert drive.build.state == "canceled"
    assert drive.states() == {"ask": "canceled", "a": "canceled"}


def test_a_blocked_job_is_not_canceled_alone() -> None:
    """Nor retried: only what an agent ran can be."""
    drive = Driver().create(ASK)
    (job,) = drive.jobs("ask")

    for event in (events.JobCanceled(at=drive.at, job=job.id), events.JobRetried(at=drive.at, job=job.id)):
        with pytest.raises(Rejection):
            drive.apply(event)


def test_a_block_that_was_given_up_waits_again_when_the_failure_is_retried() -> None:
    drive = Driver().create(command("a"), ASK, command("b"))
    agent = drive.agent()
    drive.run(agent, 1)
    assert drive.states() == {"a": "failed", "ask": "blocked_failed", "b": "waiting_failed"}

    drive.apply(events.JobRetried(at=drive.at, job=drive.jobs("a")[0].id))
    drive.run(agent)

    assert drive.states() == {"a": "passed", "ask": "blocked", "b": "waiting"}
    assert drive.build.state is BuildState.BLOCKED


def test_a_missing_dependency_is_given_up_only_when_nobody_could_upload_it_any_more() -> None:
    """What stands behind a block may upload what another step waits for."""
    drive = Driver().create(ASK, command("up"), command("a", depends_on="later"))
    agent = drive.agent()
    assert (drive.build.state, drive.states()["a"]) == (BuildState.BLOCKED, "waiting")

    drive.unblock("ask", name="x")
    job = drive.begin(agent)
    drive.upload(job, command("later"))
    drive.end(job)

    assert drive.drain(agent) == ["later", "a"]
    assert drive.build.state is BuildState.PASSED
