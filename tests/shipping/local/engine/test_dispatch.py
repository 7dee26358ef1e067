"""Which agent gets which job, and in which order."""

from __future__ import annotations

import pytest

from shipping.local.engine import events
from shipping.local.engine.dispatch import matches
from tests.shipping.local.engine.driver import Driver, command


@pytest.mark.parametrize(
    ("rules", "tags", "expected"),
    [
        ((), (), True),
        ((), ("queue=default",), True),
        ((), ("queue=big",), False),
        (("queue=big",), (), False),
        (("queue=big",), ("queue=big", "os=linux"), True),
        (("queue=*",), ("queue=big",), True),
        (("queue=default",), (), True),
        (("os=linux",), ("os=linux",), True),
        (("os=linux",), ("os=linux", "queue=big"), False),
        (("os=linux", "arch=arm"), ("os=linux",), False),
        (("os=*",), ("os=mac",), True),
        (("os=*",), (), False),
        (("os=lin*",), ("os=linux",), False),
    ],
)
def test_agent_query_rules(rules: tuple[str, ...], tags: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001 - a table
    """All rules must hold; no queue means the default one, on both sides."""
    assert expected == matches(rules, tags)


def test_jobs_go_by_priority_then_as_they_were_uploaded() -> None:
    drive = Driver().create(command("a"), command("b", priority=5), command("c", priority=-1), command("d"))

    assert drive.drain(drive.agent()) == ["b", "a", "d", "c"]


def test_an_older_build_goes_first_and_its_uploads_with_it() -> None:
    """Uploaded jobs inherit their uploader's place in the queue."""
    drive = Driver().create(command("up"))
    older = drive.build_id
    agent = drive.agent()
    job = drive.begin(agent)
    drive.create(command("young"))
    drive.build_id = older
    drive.upload(job, command("a"))
    drive.end(job)

    assert drive.drain(agent) == ["a", "young"]


def test_a_job_waits_for_an_agent_of_its_queue() -> None:
    drive = Driver().create(command("a", agents={"queue": "big"}))

    assert drive.ping(drive.agent()) is None
    assert drive.drain(drive.agent("queue=big", name="two")) == ["a"]


def test_an_agent_asked_to_stop_gets_no_more_work() -> None:
    drive = Driver().create(command("a"), command("b"))
    agent = drive.agent()
    job = drive.begin(agent)
    drive.apply(events.AgentStopped(at=drive.at, agent=agent))
    assert drive.one(job.id).state == "running"

    drive.end(job)

    assert drive.ping(agent) is None


def test_an_agent_stopped_by_force_has_its_job_canceled() -> None:
    drive = Driver().create(command("a"))
    agent = drive.agent()
    drive.begin(agent)

    drive.apply(events.AgentStopped(at=drive.at, agent=agent, force=True))

    assert drive.states() == {"a": "canceling"}
