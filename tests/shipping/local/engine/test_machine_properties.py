"""Several builds, pipelines and agents at once, in any order: what holds after every event, and when all has ended.

SHIP_PROPERTY_EXAMPLES makes more of it (`make soak` does).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shipping.local.engine import events
from shipping.local.engine.kinds import Command
from shipping.local.engine.machine import step
from shipping.local.engine.records import Author, Job, State
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import ENDED, HOLDING, TAKEN, AgentState, JobState
from tests.shipping.local.engine.drawing import GROUPS, SLUGS, UPLOADED, documents
from tests.shipping.local.engine.driver import Driver
from tests.shipping.local.engine.test_properties import check_may_run
from tests.shipping.local.engine.world import CHILD, LOST_AFTER, World

EXAMPLES = int(os.environ.get("SHIP_PROPERTY_EXAMPLES", "50"))
FINAL = frozenset({JobState.PASSED, JobState.FAILED, JobState.TIMED_OUT, JobState.CANCELED})
RELEASED = HOLDING | {JobState.LIMITED}
EXITS = st.sampled_from([0, 0, 0, 1, -1])


class Buildkite(RuleBasedStateMachine):
    """Whatever agents, people and time may do, in any order; what is refused changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.before = State()
        self.starts: Counter[str] = Counter()
        self.uploads: dict[str, list[str]] = {}

    @initialize(document=documents())
    def begin(self, document: list[Any]) -> None:
        for _ in range(3):
            self.world.join()
        self.world.create("inbox", {"steps": document})

    def tell(self, event: events.Event) -> None:
        before = self.world.state
        try:
            self.world.tell(event)
        except Rejection:
            assert self.world.state is before
        self._compare(before)

    def _compare(self, before: State) -> None:
        """Hold each job against what it was: started once, and what has ended as it ended, for ever."""
        for job in self.world.jobs():
            old = before.job(job.id)
            if old is None or old is job:
                continue
            if isinstance(self.world.body(job), Command):
                self.starts[job.id] += old.state is JobState.ACCEPTED and job.state is JobState.RUNNING
                if old.state in FINAL:
                    same = replace(job, retried_in=old.retried_in, rule=old.rule, retry_type=old.retry_type)
                    assert same == old
                if old.state is JobState.WAITING and job.state in RELEASED:
                    check_may_run(Driver(state=self.world.state, build_id=job.build), job)

    # What may happen.

    @rule(slug=st.sampled_from(SLUGS), document=documents())
    @precondition(lambda self: len(self.world.state.builds) < 4)
    def create(self, slug: str, document: list[Any]) -> None:
        before = self.world.state
        self.world.create(slug, {"steps": document})
        self._compare(before)

    @rule(data=st.data())
    def make_triggered(self, data: st.DataObject) -> None:
        if wanted := self.world.wanted():
            job = data.draw(st.sampled_from(wanted))
            before = self.world.state
            self.world.create("billing", CHILD, trigger=job)
            self._compare(before)

    @rule(data=st.data(), times=st.integers(1, 2))
    def work(self, data: st.DataObject, times: int) -> None:
        """An agent asks for work, and mostly begins it; each of its calls may come twice."""
        far = data.draw(st.integers(0, 5))
        agent = data.draw(st.sampled_from(sorted(self.world.state.agents)))
        for _ in range(times):
            self.tell(events.AgentPinged(at=self.world.at, agent=agent))
        held = self.world.state.agents[agent].job
        for _ in range(times if far > 0 else 0):
            if held is not None:
                self.tell(events.JobAccepted(at=self.world.at, job=held, agent=agent))
        for _ in range(times if far > 1 else 0):
            if held is not None:
                self.tell(events.JobStarted(at=self.world.at, job=held))

    @rule(data=st.data(), exit_status=EXITS, times=st.integers(1, 2))
    def finish(self, data: st.DataObject, exit_status: int, times: int) -> None:
        if taken := self.world.taken():
            job = data.draw(st.sampled_from(taken))
            for _ in range(times):
                self.tell(events.JobFinished(at=self.world.at, job=job.id, exit_status=exit_status))

    @rule(data=st.data(), times=st.integers(1, 2))
    def upload(self, data: st.DataObject, times: int) -> None:
        """A job uploads steps with keys that its build has not had; the same upload may come twice."""
        if taken := self.world.taken():
            job = data.draw(st.sampled_from(taken))
            left = self.uploads.setdefault(job.build, list(UPLOADED))
            if left and self.world.state.builds[job.build].number > 0:
                document, uuid = {"steps": data.draw(documents(left.pop(0)))}, self.world.draw()
                for _ in range(times):
                    self.tell(
                        events.PipelineUploaded(
                            at=self.world.at, job=job.id, uuid=uuid, document=document, pipelines=SLUGS
                        )
                    )

    @rule(data=st.data(), how=st.sampled_from(["silent", "leaves", "stops", "forced"]))
    def lose(self, data: st.DataObject, how: str) -> None:
        agent = data.draw(st.sampled_from(sorted(self.world.state.agents)))
        if how == "leaves":
            self.tell(events.AgentLeft(at=self.world.at, agent=agent))
        elif how in ("stops", "forced"):
            self.tell(events.AgentStopped(at=self.world.at, agent=agent, force=how == "forced"))
        else:
            self.world.at += LOST_AFTER + 1
            for other in sorted(self.world.state.agents):
                if other != agent:
                    self.tell(events.AgentSeen(at=self.world.at, agent=other))
            self.tell(events.Ticked(at=self.world.at, lost_after=LOST_AFTER))

    @rule()
    @precondition(lambda self: len(self.world.state.agents) < 6)
    def join(self) -> None:
        self.world.join()

    @rule()
    def pass_a_minute(self) -> None:
        self.world.at += 61
        for agent in sorted(self.world.state.agents):
            self.tell(events.AgentSeen(at=self.world.at, agent=agent))
        self.tell(events.Ticked(at=self.world.at, lost_after=LOST_AFTER))

    @rule(data=st.data(), verb=st.sampled_from([events.JobCanceled, events.JobRetried, events.JobRetried]))
    def ask(self, data: st.DataObject, verb: type[events.JobCanceled | events.JobRetried]) -> None:
        held = [agent.job for agent in self.world.state.agents.values() if agent.job is not None]
        anybody = [job.id for job in self.world.jobs()]
        of_an_agent = data.draw(st.integers(0, 1)) == 0
        job = data.draw(st.sampled_from(held if held and of_an_agent else anybody))
        self.tell(verb(at=self.world.at, job=job))

    @rule(data=st.data())
    def unblock(self, data: st.DataObject) -> None:
        if asked := self.world.asked():
            job = data.draw(st.sampled_from(asked))
            self.tell(events.JobUnblocked(at=self.world.at, job=job.id, by=Author()))

    @rule(data=st.data(), really=st.integers(0, 3))
    def cancel_build(self, data: st.DataObject, really: int) -> None:
        if really == 0:
            build = data.draw(st.sampled_from(sorted(self.world.state.builds)))
            self.tell(events.BuildCanceled(at=self.world.at, build=build))

    @rule()
    def restart(self) -> None:
        self.tell(events.Restarted(at=self.world.at))

    # What must hold.

    @invariant()
    def no_group_is_over_its_limit(self) -> None:
        held = Counter(
            body.concurrency_group
            for job in self.world.jobs()
            if job.state in HOLDING and isinstance(body := self.world.body(job), Command) and body.concurrency
        )
        assert all(count <= GROUPS[group] for group, count in held.items()), held

    @invariant()
    def agents_and_jobs_agree(self) -> None:
        """Who holds a job is held by it: nobody else works on it, and nobody works on nothing."""
        for agent in self.world.state.agents.values():
            if agent.job is not None:
                job = self.world.state.job(agent.job)
                assert job is not None
                assert (job.agent, agent.state) == (agent.id, AgentState.CONNECTED)
                assert job.state in TAKEN | {JobState.ASSIGNED}
        for job in self.world.jobs():
            if isinstance(self.world.body(job), Command) and job.state in TAKEN | {JobState.ASSIGNED}:
                assert job.agent is not None
                assert self.world.state.agents[job.agent].job == job.id

    @invariant()
    def attempts_follow_each_other(self) -> None:
        """One attempt counts, each is started at most once, and each but the last names the next."""
        assert all(count <= 1 for count in self.starts.values())
        shares: dict[tuple[str, int], list[Job]] = {}
        for job in self.world.jobs():
            shares.setdefault((job.step, job.index), []).append(job)
        for share in shares.values():
            share.sort(key=lambda job: job.attempt)
            assert [job.attempt for job in share] == list(range(len(share)))
            assert [job.retried_in for job in share] == [*(job.id for job in share[1:]), None]

    @invariant()
    def what_is_kept_is_what_is(self) -> None:
        """A ledger that does what the commands say holds the state, and can be read back."""
        state = self.world.state
        for records in (state.builds, *state.steps.values(), *state.jobs.values()):
            for name, record in records.items():
                assert self.world.kept[type(record).__name__, name] == record

    def teardown(self) -> None:
        """Every build ends once everybody has done their part; the same events again give the same state."""
        if not self.world.state.builds:
            return
        self.world.join()
        self.world.drain()
        unfinished = {job.id: job.state for job in self.world.jobs() if job.state not in ENDED}
        assert unfinished == {}
        assert [one.state for one in self.world.state.builds.values() if one.finished_at is None] == []
        state = State()
        for event in self.world.log:
            state, _ = step(state, event)
        assert state == self.world.state


Buildkite.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestBuildkite = Buildkite.TestCase
