"""Who runs after whom, and what a failure stops."""

from __future__ import annotations

import pytest

from shipping.local.engine import events
from tests.shipping.local.engine.driver import Driver, command


def test_steps_without_a_wait_run_side_by_side() -> None:
    assert Driver().create(command("a"), command("b")).scheduled() == ["a", "b"]


def test_a_wait_holds_what_follows_until_all_before_it_passed() -> None:
    drive = Driver().create(command("a"), command("b"), "wait", command("c"))
    agent = drive.agent()
    drive.run(agent)
    assert drive.scheduled() == ["b"]

    drive.run(agent)

    assert drive.scheduled() == ["c"]


def test_a_failure_before_a_wait_stops_what_follows() -> None:
    """Also behind a later wait that continues on failure: the plain one has failed."""
    continuing = {"wait": None, "continue_on_failure": True}
    drive = Driver().create(command("a"), "wait", command("b"), continuing, command("c"))

    ran = drive.drain(drive.agent(), {"a": 1})

    assert ran == ["a"]
    assert drive.states() == {"a": "failed", "b": "waiting_failed", "c": "waiting_failed"}
    assert drive.build.state == "failed"


def test_a_wait_that_continues_on_failure() -> None:
    """Runs what follows, and the build fails still."""
    drive = Driver().create(command("a"), {"wait": None, "continue_on_failure": True}, command("b"))

    assert drive.drain(drive.agent(), {"a": 1}) == ["a", "b"]
    assert drive.build.state == "failed"


def test_explicit_dependencies_replace_the_implicit_ones() -> None:
    drive = Driver().create(
        command("a"), command("b"), "wait", command("c", depends_on="b"), command("d", depends_on=None), command("e")
    )
    assert drive.scheduled() == ["a", "b", "d"]

    drive.run(drive.agent())  # a
    drive.run(drive.agent())  # b

    assert sorted(drive.scheduled(), key="abdce".index) == ["d", "c", "e"]


@pytest.mark.parametrize(
    ("failing", "depends_on", "outcome"),
    [
        (0, "a", "passed"),
        (1, "a", "waiting_failed"),
        (1, [{"step": "a", "allow_failure": True}], "passed"),
        (3, "a", "passed"),
    ],
)
def test_what_a_dependency_must_have_become(failing: int, depends_on: object, outcome: str) -> None:
    """Passed and soft-failed satisfy; failed does where it is allowed."""
    drive = Driver().create(command("a", soft_fail=[{"exit_status": 3}]), command("b", depends_on=depends_on))

    drive.drain(drive.agent(), {"a": failing})

    assert outcome == drive.states()["b"]


def test_allowed_failures_cover_what_did_not_run() -> None:
    """A step that was given up counts as failed for who allows failures."""
    drive = Driver().create(
        command("a"), command("b", depends_on="a"), command("c", depends_on="b", allow_dependency_failure=True)
    )

    assert drive.drain(drive.agent(), {"a": 1}) == ["a", "c"]


def test_a_cancellation_defeats_allowed_failures() -> None:
    drive = Driver().create(command("a"), command("b", depends_on=[{"step": "a", "allow_failure": True}]))

    drive.apply(events.JobCanceled(at=drive.at, job=drive.jobs("a")[0].id))

    assert drive.states() == {"a": "canceled", "b": "waiting_failed"}
    assert drive.build.state == "failed"


def test_depending_on_a_group_is_depending_on_all_its_steps() -> None:
    drive = Driver().create(
        {"group": "g", "key": "g", "steps": [command("a"), command("b")]}, command("c", depends_on="g")
    )
    agent = drive.agent()
    drive.run(agent)
    assert drive.scheduled() == ["b"]

    drive.run(agent)

    assert drive.scheduled() == ["c"]


def test_a_groups_dependencies_hold_for_each_of_its_steps() -> None:
    """Together with the steps' own."""
    drive = Driver().create(
        command("a"),
        command("b"),
        {"group": "g", "depends_on": "a", "steps": [command("c"), command("d", depends_on="b")]},
    )
    agent = drive.agent()
    drive.run(agent)
    assert drive.scheduled() == ["b", "c"]

    drive.run(agent)

    assert drive.scheduled() == ["c", "d"]


def test_a_wait_inside_a_group_is_the_groups_own() -> None:
    drive = Driver().create({"group": "g", "steps": [command("a"), "wait", command("b")]}, command("c"))

    assert drive.scheduled() == ["a", "c"]
    assert drive.drain(drive.agent()) == ["a", "b", "c"]


def test_a_wait_before_a_group_holds_the_group() -> None:
    drive = Driver().create(command("a"), "wait", {"group": "g", "steps": [command("b")]})

    assert drive.scheduled() == ["a"]
    assert drive.drain(drive.agent()) == ["a", "b"]


def test_uploaded_steps_wait_for_the_job_that_uploads_them() -> None:
    """Unless they say `depends_on: ~`."""
    drive = Driver().create(command("up"))
    job = drive.begin(drive.agent())

    drive.upload(job, command("a"), command("b", depends_on=None))

    assert drive.scheduled() == ["b"]
    drive.end(job)
    assert drive.scheduled() == ["a", "b"]


def test_uploads_stand_behind_their_uploader_and_later_ones_before_earlier_ones() -> None:
    drive = Driver().create(command("up"), command("z"))
    job = drive.begin(drive.agent())

    drive.upload(job, command("a"), command("b"))
    drive.upload(job, command("c"))

    steps = drive.state.steps[drive.build_id]
    assert [steps[step].key for step in drive.build.order] == ["up", "c", "a", "b", "z"]


def test_a_wait_covers_what_earlier_steps_upload() -> None:
    drive = Driver().create(command("up"), "wait", command("z"))
    agent = drive.agent()
    job = drive.begin(agent)
    drive.upload(job, command("a"))
    drive.end(job)
    assert drive.scheduled() == ["a"]

    drive.run(agent)

    assert drive.scheduled() == ["z"]


def test_depending_on_an_uploader_is_depending_on_all_it_uploaded() -> None:
    """Through further uploads too."""
    drive = Driver().create(command("up"), command("z", depends_on="up"))
    agent = drive.agent()
    job = drive.begin(agent)
    drive.upload(job, command("deeper"))
    drive.end(job)
    job = drive.begin(agent)
    drive.upload(job, command("a"))
    drive.end(job)
    assert drive.scheduled() == ["a"]

    drive.run(agent)

    assert drive.scheduled() == ["z"]


def test_an_uploaded_step_may_depend_on_its_uploader() -> None:
    """It then waits for the job itself, not for its own siblings (which would be a circle)."""
    drive = Driver().create(command("up"))
    agent = drive.agent()
    job = drive.begin(agent)
    drive.upload(job, command("a", depends_on="up"), command("b", depends_on="a"))
    assert drive.scheduled() == []

    drive.end(job)

    assert drive.drain(agent) == ["a", "b"]


def test_a_step_that_does_not_exist_is_waited_for_while_it_may_still_come() -> None:
    drive = Driver().create(command("up"), command("z", depends_on="late"))
    agent = drive.agent()
    job = drive.begin(agent)
    assert drive.states()["z"] == "waiting"
    drive.upload(job, command("late"))
    drive.end(job)

    assert drive.drain(agent) == ["late", "z"]


def test_a_step_that_never_comes_fails_the_build() -> None:
    drive = Driver().create(command("a"), command("z", depends_on="nobody"), command("y", depends_on="z"))

    assert drive.drain(drive.agent()) == ["a"]
    assert drive.states() == {"a": "passed", "z": "waiting_failed", "y": "waiting_failed"}
    assert drive.jobs("z")[0].reason == "depends on 'nobody', which is not in the build"
    assert drive.build.state == "failed"


def test_a_circle_of_dependencies_fails_the_build() -> None:
    drive = Driver().create(command("a", depends_on="b"), command("b", depends_on="a"))

    assert drive.states() == {"a": "waiting_failed", "b": "waiting_failed"}
    assert drive.build.state == "failed"


def test_skipped_steps_satisfy_and_a_build_of_them_did_not_run() -> None:
    drive = Driver().create(command("a", skip="not now"), command("b", depends_on="a", skip=True))

    assert drive.states() == {"a": "skipped", "b": "skipped"}
    assert drive.build.state == "not_run"


def test_an_empty_build_has_passed() -> None:
    assert Driver().create().build.state == "passed"
