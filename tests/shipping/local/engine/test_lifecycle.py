"""Agents come, work, fall silent and come back; builds are canceled and time out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shipping.local.engine import events
from shipping.local.engine.commands import Note, Put
from shipping.local.engine.rejection import Rejection
from tests.shipping.local.engine.driver import Driver, command

if TYPE_CHECKING:
    from shipping.local.engine.records import State

LOST_AFTER = 20.0


def tick(drive: Driver, seconds: float) -> None:
    drive.at += seconds
    drive.apply(events.Ticked(at=drive.at, lost_after=LOST_AFTER))


def test_an_offer_stays_until_it_is_accepted() -> None:
    drive = Driver().create(command("a"), command("b"))
    agent, other = drive.agent(), drive.agent(name="two")

    first, again, third = drive.ping(agent), drive.ping(agent), drive.ping(other)

    assert first is not None
    assert again is not None
    assert third is not None
    assert (first.id, "a", "b") == (again.id, drive.key(first), drive.key(third))


def test_only_the_agent_that_was_offered_a_job_may_accept_it() -> None:
    """Twice is fine: the answer may have been lost."""
    drive = Driver().create(command("a"))
    agent, other = drive.agent(), drive.agent(name="two")
    job = drive.ping(agent)
    assert job is not None

    with pytest.raises(Rejection, match="not offered to this agent"):
        drive.apply(events.JobAccepted(at=drive.at, job=job.id, agent=other))
    drive.apply(events.JobAccepted(at=drive.at, job=job.id, agent=agent))
    drive.apply(events.JobAccepted(at=drive.at, job=job.id, agent=agent))

    assert drive.one(job.id).state == "accepted"


def test_a_silent_agent_is_lost_and_its_job_ends_with_minus_one() -> None:
    drive = Driver().create(command("a", retry={"automatic": {"exit_status": -1, "limit": 1}}))
    agent = drive.agent()
    job = drive.begin(agent)

    tick(drive, LOST_AFTER + 1)

    old, new = drive.jobs("a")
    assert ("failed", -1, new.id) == (old.state, old.exit_status, old.retried_in)
    assert (drive.state.agents[agent].state, drive.state.agents[agent].job) == ("lost", None)
    notes = [one for one in drive.commands if isinstance(one, Note)]
    assert [job.id] == [note.job for note in notes]


def test_a_lost_agents_last_word_comes_too_late() -> None:
    """Its job has gone to another attempt; what it says now must not end that one."""
    drive = Driver().create(command("a", retry={"automatic": {"exit_status": -1, "limit": 1}}))
    job = drive.begin(drive.agent())
    tick(drive, LOST_AFTER + 1)

    with pytest.raises(Rejection) as caught:
        drive.end(job)

    assert caught.value.status == 409
    assert drive.jobs("a")[1].state == "scheduled"


def test_a_lost_agent_that_comes_back_works_on() -> None:
    drive = Driver().create(command("a"), command("b"))
    agent = drive.agent()
    drive.begin(agent)
    tick(drive, LOST_AFTER + 1)

    drive.apply(events.AgentSeen(at=drive.at, agent=agent))

    assert drive.state.agents[agent].state == "connected"
    assert drive.run(agent) == "b"


def test_an_offer_to_an_agent_that_is_lost_goes_back_to_the_queue() -> None:
    """It never ran: that is no failure."""
    drive = Driver().create(command("a"))
    drive.ping(drive.agent())

    tick(drive, LOST_AFTER + 1)

    assert [(job.state, job.agent) for job in drive.jobs("a")] == [("scheduled", None)]


def test_heartbeats_keep_an_agent_and_need_no_write() -> None:
    drive = Driver().create(command("a"))
    agent = drive.agent()
    drive.begin(agent)
    drive.commands.clear()

    for _ in range(5):
        tick(drive, LOST_AFTER - 5)
        drive.apply(events.AgentSeen(at=drive.at, agent=agent))

    assert drive.states()["a"] == "running"
    assert drive.commands == []


def test_after_a_restart_no_agent_is_lost_for_our_own_absence() -> None:
    drive = Driver().create(command("a"))
    drive.begin(drive.agent())
    drive.at += 3600
    drive.apply(events.Restarted(at=drive.at))

    tick(drive, LOST_AFTER - 1)

    assert drive.states()["a"] == "running"


def test_an_agent_that_disconnects_leaves_its_job_lost() -> None:
    drive = Driver().create(command("a"))
    agent = drive.agent()
    drive.begin(agent)

    drive.apply(events.AgentLeft(at=drive.at, agent=agent))

    assert drive.states() == {"a": "failed"}
    assert drive.state.agents[agent].state == "disconnected"


def test_a_time_out_asks_the_agent_to_stop_and_is_a_failure_of_its_own() -> None:
    """A rule on `cancel` retries it: the agent was told to cancel."""
    drive = Driver().create(command("a", timeout_in_minutes=2, retry={"automatic": {"signal_reason": "cancel"}}))
    job = drive.begin(drive.agent())
    drive.apply(events.Ticked(at=drive.at + 118, lost_after=1e9))
    assert drive.one(job.id).state == "running"
    drive.at += 121
    drive.apply(events.Ticked(at=drive.at, lost_after=1e9))
    assert drive.one(job.id).state == "timing_out"

    drive.end(job, 143, signal="SIGTERM", signal_reason="cancel")

    assert [one.state for one in drive.jobs("a")] == ["timed_out", "scheduled"]


def test_a_job_that_passes_while_it_is_timed_out_has_passed() -> None:
    drive = Driver().create(command("a", timeout_in_minutes=1))
    job = drive.begin(drive.agent())
    drive.apply(events.Ticked(at=drive.at + 61, lost_after=1e9))

    drive.end(job)

    assert drive.build.state == "passed"


def test_canceling_a_build_stops_all_of_it() -> None:
    drive = Driver().create(command("a"), command("b"), command("c"), "wait", command("d"))
    agent, other = drive.agent(), drive.agent(name="two")
    job = drive.begin(agent)
    drive.ping(other)

    drive.apply(events.BuildCanceled(at=drive.at, build=drive.build_id))

    assert drive.states() == {"a": "canceling", "b": "canceled", "c": "canceled", "d": "canceled"}
    assert (drive.build.state, drive.state.agents[other].job) == ("canceling", None)
    drive.end(job, 143, signal_reason="cancel")
    assert (drive.states()["a"], drive.build.state) == ("canceled", "canceled")
    with pytest.raises(Rejection, match="cannot be canceled"):
        drive.apply(events.BuildCanceled(at=drive.at, build=drive.build_id))


def test_the_last_word_may_be_said_twice() -> None:
    drive = Driver().create(command("a"))
    job = drive.begin(drive.agent())
    drive.end(job, 3)
    before = drive.state

    drive.end(job, 3)

    assert before == drive.state


def test_a_soft_failure_does_not_fail_the_build() -> None:
    drive = Driver().create(command("a", soft_fail=[{"exit_status": 3}]), command("b", soft_fail=True))

    drive.drain(drive.agent(), {"a": 3, "b": -1})

    assert drive.build.state == "passed"
    assert [job.soft_failed for key in "ab" for job in drive.jobs(key)] == [True, True]


def test_a_build_is_failing_as_soon_as_a_job_failed_for_good() -> None:
    drive = Driver().create(command("a"), command("b"))
    assert drive.build.state == "scheduled"
    agent = drive.agent()
    drive.run(agent, 1)

    assert drive.build.state == "failing"
    drive.run(agent)
    assert drive.build.state == "failed"


def test_an_upload_with_the_same_uuid_counts_once() -> None:
    drive = Driver().create(command("up"))
    job = drive.begin(drive.agent())
    event = events.PipelineUploaded(at=drive.at, job=job.id, uuid="u", document={"steps": [command("a")]})
    drive.apply(event)
    before = drive.state

    drive.apply(event)

    assert before == drive.state
    with pytest.raises(Rejection, match="with other content"):
        drive.apply(events.PipelineUploaded(at=drive.at, job=job.id, uuid="u", document={"steps": [command("b")]}))


def test_a_refused_upload_changes_nothing() -> None:
    drive = Driver().create(command("up"))
    job = drive.begin(drive.agent())
    before = drive.state

    with pytest.raises(Rejection, match='The key "up" has already been used'):
        drive.upload(job, command("a"), command("up"))

    assert before is drive.state


def test_only_a_running_build_can_be_added_to() -> None:
    drive = Driver().create(command("up"))
    job = drive.begin(drive.agent())
    drive.end(job)

    with pytest.raises(Rejection, match="You can only change the pipeline of a running build"):
        drive.upload(job, command("a"))


def test_a_build_has_at_most_4000_jobs() -> None:
    drive = Driver().create(command("up"))
    job = drive.begin(drive.agent())
    for place in range(7):
        drive.upload(job, command(f"p{place}", parallelism=500))

    with pytest.raises(Rejection, match="would have 4001 jobs, more than the 4000 it may have"):
        drive.upload(job, command("more", parallelism=500))

    drive.upload(job, command("rest", parallelism=499))
    drive.end(job, 1)
    with pytest.raises(Rejection, match="The build has 4000 jobs"):
        drive.apply(events.JobRetried(at=drive.at, job=job.id))


def test_a_build_has_at_most_500_uploads() -> None:
    """One more is refused; one that came before and comes again is none."""
    drive = Driver().create(command("up"))
    job = drive.begin(drive.agent())
    for _ in range(500):
        drive.upload(job)

    with pytest.raises(Rejection, match="The build has 500 uploads, more are not allowed"):
        drive.upload(job)
    again = next(iter(drive.build.uploads))
    drive.apply(events.PipelineUploaded(at=drive.at, job=job.id, uuid=again, document={"steps": []}))


def test_a_state_before_an_event_stays_as_it_was() -> None:
    """Transitions are values: what was read before an event is not changed under the reader."""
    drive = Driver().create(command("a"))
    before = drive.state
    jobs = dict(before.jobs[drive.build_id])

    drive.run(drive.agent())

    assert jobs == before.jobs[drive.build_id]
    assert before != drive.state


def test_every_change_is_a_command() -> None:
    """What the ledger is told is all there is: putting the records together again gives the state."""
    drive = Driver().create(command("up"), "wait", command("z", retry={"automatic": True}))
    agent = drive.agent()
    job = drive.begin(agent)
    drive.upload(job, {"group": "g", "steps": [command("a", parallelism=2)]})
    drive.end(job)
    drive.drain(agent, {"z": 1})
    records = {one.record.id: one.record for one in drive.commands if isinstance(one, Put)}

    assert records == everything(drive.state) | {agent: records[agent]}


def everything(state: State) -> dict[str, object]:
    found: dict[str, object] = {**state.builds, **state.agents}
    for inner in (*state.steps.values(), *state.jobs.values()):
        found |= inner
    return found
