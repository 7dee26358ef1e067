"""Several builds and agents around the engine, as the edge drives them: it keeps what it is told to keep, and remembers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from shipping.local.engine import events
from shipping.local.engine.commands import AnyCommand, Put
from shipping.local.engine.kinds import Block, Command, Input
from shipping.local.engine.machine import step
from shipping.local.engine.records import Agent, Author, Job, Pipeline, State
from shipping.local.engine.states import TAKEN, AgentState, JobState
from shipping.local.engine.triggers import child_id, pending
from shipping.local.ledger.codec import decode, encode
from tests.shipping.local.engine.drawing import SLUGS

LOST_AFTER = 20.0
PIPELINES = {
    slug: Pipeline(id=str(uuid.UUID(int=number)), slug=slug, name=slug, repository="/repository")
    for number, slug in enumerate(SLUGS, 7)
}
CHILD = {"steps": [{"command": "x", "key": "child"}]}


@dataclass(slots=True)
class World:
    """``log`` is every event that was not refused; ``kept`` what a ledger would hold, as it would come back from it."""

    state: State = field(default_factory=State)
    at: float = 1_000_000.0
    drawn: int = 1000
    log: list[events.Event] = field(default_factory=list)
    kept: dict[tuple[str, str], Any] = field(default_factory=dict)

    def tell(self, event: events.Event) -> State:
        """Let the event happen, raise its Rejection; return the state before it."""
        before = self.state
        self.state, commands = step(self.state, event)
        self.log.append(event)
        self.at += 1
        self._keep(commands)
        return before

    def _keep(self, commands: tuple[AnyCommand, ...]) -> None:
        for command in commands:
            if isinstance(command, Put):
                record = command.record
                self.kept[type(record).__name__, record.id] = decode(type(record), encode(record))

    def draw(self) -> str:
        self.drawn += 1
        return str(uuid.UUID(int=self.drawn))

    # What the edge and its callers can say.

    def create(self, slug: str, document: Any, *, trigger: Job | None = None) -> None:  # noqa: ANN401 - a document
        self.tell(
            events.BuildCreated(
                at=self.at,
                id=self.draw() if trigger is None else child_id(trigger.id),
                pipeline=PIPELINES[slug],
                document=document,
                branch="main",
                commit="HEAD",
                message="a message",
                author=Author(),
                pipelines=SLUGS,
                triggered_by=None if trigger is None else trigger.id,
            )
        )

    def join(self) -> str:
        agent = Agent(id=self.draw(), name="agent", registered_at=self.at)
        self.tell(events.AgentRegistered(at=self.at, agent=agent))
        return agent.id

    def ping(self, agent: str) -> Job | None:
        """Ask for work as an agent does; return the job it is to accept."""
        self.tell(events.AgentPinged(at=self.at, agent=agent))
        held = self.state.agents[agent].job
        job = None if held is None else self.state.job(held)
        return job if job is not None and job.state in (JobState.ASSIGNED, JobState.ACCEPTED) else None

    def begin(self, agent: str) -> Job | None:
        """Take and start the next job, if there is one."""
        job = self.ping(agent)
        if job is not None:
            self.tell(events.JobAccepted(at=self.at, job=job.id, agent=agent))
            self.tell(events.JobStarted(at=self.at, job=job.id))
        return job

    def finish(self, job: Job, exit_status: int) -> None:
        self.tell(events.JobFinished(at=self.at, job=job.id, exit_status=exit_status))

    # What is there.

    def jobs(self) -> list[Job]:
        return [job for of in self.state.jobs.values() for job in of.values()]

    def body(self, job: Job) -> object:
        return self.state.steps[job.build][job.step].body

    def taken(self) -> list[Job]:
        return [job for job in self.jobs() if job.state in TAKEN and isinstance(self.body(job), Command)]

    def asked(self) -> list[Job]:
        return [
            job for job in self.jobs() if job.state is JobState.BLOCKED and isinstance(self.body(job), Block | Input)
        ]

    def wanted(self) -> list[Job]:
        return list(pending(self.state))

    def there(self) -> list[str]:
        """Return the agents that take work, or have been offered some and not begun it."""
        agents = [one for one in self.state.agents.values() if one.state is AgentState.CONNECTED]
        return [one.id for one in agents if one.job is not None or not one.stopping]

    def drain(self, ends: dict[str, int] | None = None) -> None:
        """Answer every question, make every build that is asked for and let the agents work until nothing is left.

        ``ends`` gives exit statuses by step's key.
        """
        while True:
            before = len(self.log)
            for job in self.asked():
                self.tell(events.JobUnblocked(at=self.at, job=job.id, by=Author()))
            for job in self.wanted():
                self.create("billing", CHILD, trigger=job)
            for job in self.taken():
                key = self.state.steps[job.build][job.step].key or ""
                self.finish(job, (ends or {}).get(key, 0))
            begun = [self.begin(agent) for agent in self.there() or [self.join()]]
            if not any(begun) and not self.taken() and not self.asked() and not self.wanted():
                return
            assert len(self.log) - before < 10_000
            assert len(self.log) < 20_000, "it does not end"

    def remembered(self) -> State:
        """Return the state with what is not kept across a restart put away."""
        agents = {one.id: replace(one, seen_at=0.0) for one in self.state.agents.values()}
        return replace(self.state, agents=agents)
