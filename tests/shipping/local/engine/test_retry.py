"""Another attempt: by rule, by hand, and when not."""

from __future__ import annotations

from typing import Any

import pytest

from shipping.local.engine import events
from shipping.local.engine.rejection import Rejection
from tests.shipping.local.engine.driver import Driver, command


def retried(*rules: dict[str, Any]) -> Driver:
    return Driver().create(command("a", retry={"automatic": list(rules)}))


@pytest.mark.parametrize(
    ("rule", "exit_status", "how", "again"),
    [
        ({"exit_status": "*"}, 1, {}, True),
        ({"exit_status": "*"}, 255, {}, True),
        ({"exit_status": "*"}, -1, {}, False),
        ({"exit_status": -1}, -1, {}, True),
        ({"exit_status": [3, 4]}, 4, {}, True),
        ({"exit_status": [3, 4]}, 5, {}, False),
        ({"exit_status": "*", "signal": "KILL"}, 137, {"signal": "SIGKILL"}, True),
        ({"exit_status": "*", "signal": "none"}, 137, {"signal": "SIGKILL"}, False),
        ({"signal_reason": "agent_stop"}, -1, {"signal_reason": "agent_stop"}, True),
        ({"signal_reason": "agent_stop"}, 255, {}, False),
        ({"signal_reason": "none"}, 2, {}, True),
        ({"exit_status": 2, "signal_reason": "agent_stop"}, 2, {}, False),
        ({"exit_status": "*", "limit": 0}, 1, {}, False),
        ({"signal": "sigkill"}, 137, {"signal": "KILL"}, True),
        ({"signal": ["TERM", "kill"]}, 137, {"signal": "SIGKILL"}, True),
        ({"signal": ["TERM", "INT"]}, 137, {"signal": "SIGKILL"}, False),
        ({"signal": ["none", "TERM"]}, 137, {}, True),
        ({"signal": "*", "exit_status": -1}, -1, {}, True),
        ({"signal_reason": ["agent_stop", "none"]}, 1, {}, True),
        ({"signal_reason": ["agent_stop", "agent_refused"]}, -1, {"signal_reason": "process_run_error"}, False),
        ({"exit_status": [0, 1]}, 0, {}, False),
    ],
)
def test_which_ends_a_rule_matches(rule: dict[str, Any], exit_status: int, how: dict[str, str], again: bool) -> None:  # noqa: FBT001 - a table
    """All conditions must hold; `*` is 1 to 255, never the -1 of a lost agent."""
    drive = retried(rule)

    drive.run(drive.agent(), exit_status, **how)

    assert again == (len(drive.jobs("a")) == 2)


def test_success_is_never_retried() -> None:
    drive = retried({"signal_reason": "none"})
    drive.run(drive.agent())

    assert drive.build.state == "passed"


def test_the_first_matching_rule_decides_and_counts_for_itself() -> None:
    """The second rule would match as well; it is not asked."""
    drive = retried({"exit_status": 1, "limit": 1}, {"exit_status": "*", "limit": 5}, {"exit_status": -1, "limit": 2})
    agent = drive.agent()

    for exit_status in (1, -1, -1, 2, 1):
        drive.run(agent, exit_status)

    assert [job.exit_status for job in drive.jobs("a")] == [1, -1, -1, 2, 1]
    assert [job.rule for job in drive.jobs("a")] == [0, 2, 2, 1, None]
    assert drive.build.state == "failed"


def test_a_retry_is_a_new_job_of_the_same_step() -> None:
    drive = retried({"exit_status": "*"})
    drive.run(drive.agent(), 1)
    old, new = drive.jobs("a")

    assert (new.id, "automatic", "failed") == (old.retried_in, old.retry_type, old.state)
    assert (1, "scheduled", old.step) == (new.attempt, new.state, new.step)
    assert drive.build.state == "running"


def test_each_share_of_a_parallel_step_has_attempts_of_its_own() -> None:
    drive = Driver().create(command("a", parallelism=2, retry={"automatic": {"exit_status": 1, "limit": 1}}))
    agent = drive.agent()
    for _ in range(4):
        drive.run(agent, 1)

    assert [(job.index, job.attempt) for job in drive.jobs("a")] == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_what_waits_does_not_notice_a_failure_that_is_retried() -> None:
    drive = Driver().create(command("a", retry={"automatic": True}), "wait", command("b"))
    agent = drive.agent()
    drive.run(agent, 1)
    assert drive.states()["b"] == "waiting"

    assert drive.drain(agent) == ["a", "b"]
    assert drive.build.state == "passed"


def test_a_canceled_job_is_not_retried() -> None:
    drive = retried({"exit_status": "*"}, {"signal_reason": "cancel"})
    job = drive.begin(drive.agent())
    drive.apply(events.JobCanceled(at=drive.at, job=job.id))

    drive.end(job, 143, signal="SIGTERM", signal_reason="cancel")

    assert [one.state for one in drive.jobs("a")] == ["canceled"]


def test_a_retry_by_hand_reopens_the_build_and_what_was_given_up() -> None:
    drive = Driver().create(command("a"), "wait", command("b"))
    agent = drive.agent()
    drive.drain(agent, {"a": 1})
    assert drive.build.finished_at is not None

    drive.apply(events.JobRetried(at=drive.at, job=drive.jobs("a")[0].id))

    assert drive.build.state == "running"
    assert drive.build.finished_at is None
    assert drive.drain(agent) == ["a", "b"]
    assert drive.build.state == "passed"


def test_a_job_can_be_retried_by_hand_once() -> None:
    drive = Driver().create(command("a"))
    drive.run(drive.agent(), 1)
    job = drive.jobs("a")[0]
    drive.apply(events.JobRetried(at=drive.at, job=job.id))

    with pytest.raises(Rejection, match="has already been retried"):
        drive.apply(events.JobRetried(at=drive.at, job=job.id))


@pytest.mark.parametrize(
    ("manual", "exit_status", "message"),
    [
        (False, 1, "does not allow manual retries"),
        ({"allowed": False, "reason": "deploys are not repeated"}, 1, "deploys are not repeated"),
        ({"permit_on_passed": False}, 0, "does not allow retries of passed jobs"),
    ],
)
def test_a_step_may_forbid_retries_by_hand(manual: object, exit_status: int, message: str) -> None:
    """With a reason of its own if it likes."""
    drive = Driver().create(command("a", retry={"manual": manual}))
    drive.run(drive.agent(), exit_status)

    with pytest.raises(Rejection, match=message):
        drive.apply(events.JobRetried(at=drive.at, job=drive.jobs("a")[0].id))


def test_what_still_runs_cannot_be_retried() -> None:
    drive = Driver().create(command("a"))

    with pytest.raises(Rejection, match="Only failed, timed out or canceled jobs can be retried"):
        drive.apply(events.JobRetried(at=drive.at, job=drive.jobs("a")[0].id))
