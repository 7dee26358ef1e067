"""What holds for every pipeline and every course of events, whatever they are."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shipping.local.engine import events
from shipping.local.engine.kinds import Wait
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import ENDED, TAKEN, JobState
from shipping.local.ledger.codec import decode, encode
from tests.shipping.local.engine.driver import Driver

if TYPE_CHECKING:
    from shipping.local.engine.records import Job

KEYS = "abcdefgh"
GOOD = {JobState.PASSED, JobState.SKIPPED}
LOST_AFTER = 20.0


@st.composite
def commands(draw: st.DrawFn, key: str, later: str) -> dict[str, Any]:
    """A command step that may depend on anything: what is there, what is uploaded later, what never comes, itself."""
    step: dict[str, Any] = {"command": "x", "key": key}
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(KEYS + later + "?"), max_size=2, unique=True))
        step["depends_on"] = [{"step": name, "allow_failure": draw(st.booleans())} for name in names]
    if draw(st.integers(0, 3)) == 0:
        step["parallelism"] = 2
    if draw(st.integers(0, 3)) == 0:
        step["retry"] = {"automatic": [{"exit_status": draw(st.sampled_from(["*", -1])), "limit": 1}]}
    if draw(st.integers(0, 4)) == 0:
        step["soft_fail"] = True
    if draw(st.integers(0, 6)) == 0:
        step["skip"] = True
    return step


@st.composite
def documents(draw: st.DrawFn, keys: str, later: str = "") -> list[Any]:
    """Steps for these keys in some order, with waits between them, some of them in a group."""
    steps: list[Any] = []
    for key in draw(st.permutations(keys)):
        steps.append(draw(commands(key, later)))
        if draw(st.integers(0, 2)) == 0:
            steps.append({"wait": None, "continue_on_failure": draw(st.booleans())})
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(steps) - 1))
        group: dict[str, Any] = {"group": "G", "key": f"G{keys[0]}", "steps": steps[cut:]}
        if draw(st.booleans()):
            group["depends_on"] = draw(st.sampled_from(KEYS))
        steps = [*steps[:cut], group]
    return steps


class Watched(Driver):
    """Asks of every job, in the moment in which it is released, whether it may run."""

    def apply(self, event: events.Event) -> None:
        before = self.state
        super().apply(event)
        for job in self.state.jobs.get(self.build_id, {}).values():
            old = before.job(job.id)
            was_held = old is None or old.state in (JobState.WAITING, JobState.WAITING_FAILED)
            if job.state is JobState.SCHEDULED and job.attempt == 0 and was_held:
                check_may_run(self, job)


class Course:
    """A build with two agents, driven by what hypothesis draws."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.drive = Watched().create(*data.draw(documents("abcd", "ef")))
        self.agents = [self.drive.agent(), self.drive.agent(name="two")]
        self.uploads = ["ef", "gh"]

    def act(self) -> None:
        kind = self.data.draw(
            st.sampled_from(["ping", "ping", "end", "end", "end", "upload", "lose", "cancel", "retry"])
        )
        with contextlib.suppress(Rejection):
            getattr(self, kind)()

    def ping(self) -> None:
        agent = self.data.draw(st.sampled_from(self.agents))
        job = self.drive.ping(agent)
        if job is not None and job.state is JobState.ASSIGNED:
            self.drive.apply(events.JobAccepted(at=self.drive.at, job=job.id, agent=agent))
            self.drive.apply(events.JobStarted(at=self.drive.at, job=job.id))

    def taken(self) -> list[Job]:
        return [job for job in self.drive.state.jobs[self.drive.build_id].values() if job.state in TAKEN]

    def end(self) -> None:
        if jobs := self.taken():
            self.drive.end(self.data.draw(st.sampled_from(jobs)), self.data.draw(st.sampled_from([0, 0, 0, 1, -1])))

    def upload(self) -> None:
        if self.uploads and (jobs := self.taken()):
            self.drive.upload(jobs[0], *self.data.draw(documents(self.uploads.pop(0))))

    def lose(self) -> None:
        silent = self.data.draw(st.sampled_from(self.agents))
        self.drive.at += LOST_AFTER + 1
        for agent in self.agents:
            if agent != silent:
                self.drive.apply(events.AgentSeen(at=self.drive.at, agent=agent))
        self.drive.apply(events.Ticked(at=self.drive.at, lost_after=LOST_AFTER))

    def cancel(self) -> None:
        jobs = list(self.drive.state.jobs[self.drive.build_id].values())
        if jobs and self.data.draw(st.integers(0, 4)) == 0:
            self.drive.apply(events.JobCanceled(at=self.drive.at, job=self.data.draw(st.sampled_from(jobs)).id))

    def retry(self) -> None:
        jobs = list(self.drive.state.jobs[self.drive.build_id].values())
        if jobs and self.data.draw(st.integers(0, 4)) == 0:
            self.drive.apply(events.JobRetried(at=self.drive.at, job=self.data.draw(st.sampled_from(jobs)).id))

    def drain(self) -> None:
        """Let the agents work until there is nothing left to do."""
        for _ in range(200):
            for job in self.taken():
                self.drive.end(job, 0)
            self.ping()
            if not self.taken() and all(self.drive.ping(agent) is None for agent in self.agents):
                return


def check_may_run(drive: Driver, job: Job) -> None:
    """Ask the documented rules anew, from the steps as they were written: everything named before must have ended well."""
    steps, jobs = drive.state.steps[drive.build_id], drive.state.jobs[drive.build_id].values()
    step = steps[job.step]

    def latest(key: str) -> list[Job]:
        return [one for one in jobs if key in (steps[one.step].key, _group_key(drive, one)) and one.retried_in is None]

    group = steps[step.group] if step.group else None
    for owner in (step, group):
        for dependency in (owner.depends_on or ()) if owner else ():
            named = latest(dependency.step)
            assert named, f"{step.key} runs although {dependency.step} does not exist"
            allow = dependency.allow_failure
            for one in named:
                well = one.state in GOOD or one.soft_failed or (allow and one.state is not JobState.CANCELED)
                assert one.state in ENDED, f"{step.key} runs before {dependency.step} ended"
                assert well, f"{step.key} runs although {dependency.step} is {one.state}"
    if step.depends_on is None and step.uploader is not None and (group is None or group.depends_on is None):
        own = [one for one in jobs if one.step == step.uploader and one.retried_in is None]
        assert all(one.state in GOOD or one.soft_failed for one in own)
    if step.depends_on is None:
        check_waits(drive, job)


def check_waits(drive: Driver, about: Job) -> None:
    """All that stands before a wait before this job's step, in the same group or outside of any, has ended.

    Not asked once a person has retried a job: a wait that has passed stays so, whatever comes before it then.
    """
    steps, jobs = drive.state.steps[drive.build_id], drive.state.jobs[drive.build_id].values()
    if any(job.retry_type == "manual" for job in jobs):
        return
    own = [steps[one] for one in drive.build.order if steps[one].group == steps[about.step].group]
    before = own[: next(place for place, one in enumerate(own) if one.id == about.step)]
    waits = [place for place, one in enumerate(before) if isinstance(one.body, Wait) and one.depends_on is None]
    covered = {one.id for one in before[: waits[-1]]} if waits else set()
    for job in jobs:
        if job.step in covered and job.retried_in is None:
            assert job.state in ENDED


def _group_key(drive: Driver, job: Job) -> str | None:
    steps = drive.state.steps[drive.build_id]
    group = steps[job.step].group
    return steps[group].key if group else None


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_no_job_runs_before_what_it_depends_on_and_every_build_ends(data: st.DataObject) -> None:
    """Whatever is uploaded, fails, is lost, canceled or retried on the way."""
    course = Course(data)
    for _ in range(data.draw(st.integers(0, 25))):
        course.act()

    course.drain()

    jobs = course.drive.state.jobs[course.drive.build_id].values()
    assert {job.state for job in jobs} <= ENDED
    assert course.drive.build.finished_at is not None
    assert all(agent.job is None for agent in course.drive.state.agents.values())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_same_events_give_the_same_state_and_records_survive_the_ledger(data: st.DataObject) -> None:
    """The engine is a function; what it says to keep comes back as it was."""
    document = data.draw(documents("abcd"))

    one, two = Driver().create(*document), Driver().create(*document)
    agent, _ = one.agent(), two.agent()
    assert one.state == two.state
    assert one.drain(agent) == two.drain(agent)
    assert one.state == two.state
    for inner in (one.state.builds, one.state.agents, *one.state.steps.values(), *one.state.jobs.values()):
        for record in inner.values():
            assert record == decode(type(record), encode(record))
