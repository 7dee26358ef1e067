"""Drives the engine as the edge does: an agent, a clock, and jobs called by their step's key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shipping.local.engine import events
from shipping.local.engine.machine import step
from shipping.local.engine.records import Agent, Author, Build, Job, Pipeline, State
from shipping.local.engine.states import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.local.engine.commands import AnyCommand

PIPELINE = Pipeline(id=str(uuid.UUID(int=7)), slug="inbox", name="inbox", repository="/repository")


@dataclass(slots=True)
class Driver:
    """One build at a time; ``at`` moves one second per event."""

    state: State = field(default_factory=State)
    at: float = 1000.0
    commands: list[AnyCommand] = field(default_factory=list)
    build_id: str = ""
    ids: int = 100

    def apply(self, event: events.Event) -> None:
        self.state, commands = step(self.state, event)
        self.commands += commands
        self.at += 1

    def draw(self) -> str:
        self.ids += 1
        return str(uuid.UUID(int=self.ids))

    def create(self, *steps: object, **top: object) -> Driver:
        self.build_id = self.draw()
        event = events.BuildCreated(
            at=self.at,
            id=self.build_id,
            pipeline=PIPELINE,
            document={"steps": list(steps), **top},
            branch="main",
            commit="HEAD",
            message="a message",
            author=Author(),
        )
        self.apply(event)
        return self

    def agent(self, *tags: str, name: str = "one") -> str:
        agent_id = self.draw()
        self.apply(
            events.AgentRegistered(at=self.at, agent=Agent(id=agent_id, name=name, tags=tags, registered_at=self.at))
        )
        return agent_id

    def ping(self, agent: str) -> Job | None:
        self.apply(events.AgentPinged(at=self.at, agent=agent))
        held = self.state.agents[agent].job
        return None if held is None else self.state.job(held)

    def begin(self, agent: str) -> Job:
        """Let the agent take and start the next job."""
        job = self.ping(agent)
        assert job is not None, "no job for this agent"
        self.apply(events.JobAccepted(at=self.at, job=job.id, agent=agent))
        self.apply(events.JobStarted(at=self.at, job=job.id))
        return self.one(job.id)

    def end(self, job: Job, exit_status: int = 0, **how: str) -> None:
        self.apply(events.JobFinished(at=self.at, job=job.id, exit_status=exit_status, **how))

    def run(self, agent: str, exit_status: int = 0, **how: str) -> str:
        """Take, start and finish the next job; return its step's key."""
        job = self.begin(agent)
        self.end(job, exit_status, **how)
        return self.key(job)

    def upload(self, job: Job, *steps: object, **top: object) -> None:
        self.apply(
            events.PipelineUploaded(at=self.at, job=job.id, uuid=self.draw(), document={"steps": list(steps), **top})
        )

    def unblock(self, key: str, **fields: str | tuple[str, ...]) -> None:
        self.apply(events.JobUnblocked(at=self.at, job=self.jobs(key)[-1].id, fields=fields, by=Author(name="Ann")))

    def drain(self, agent: str, fails: Mapping[str, int] | None = None) -> list[str]:
        """Run jobs until there are none; return their keys in order. ``fails`` gives exit statuses by key."""
        ran = []
        while (job := self.ping(agent)) is not None:
            key = self.key(job)
            self.apply(events.JobAccepted(at=self.at, job=job.id, agent=agent))
            self.apply(events.JobStarted(at=self.at, job=job.id))
            self.end(job, (fails or {}).get(key, 0))
            ran.append(key)
        return ran

    @property
    def build(self) -> Build:
        return self.state.builds[self.build_id]

    def one(self, job_id: str) -> Job:
        job = self.state.job(job_id)
        assert job is not None
        return job

    def key(self, job: Job) -> str:
        return self.state.steps[job.build][job.step].key or ""

    def jobs(self, key: str) -> list[Job]:
        return [job for job in self.state.jobs[self.build_id].values() if self.key(job) == key]

    def states(self) -> dict[str, str]:
        """Return the state of the last attempt of each step with a key."""
        return {
            self.key(job): job.state
            for job in self.state.jobs[self.build_id].values()
            if self.key(job) and job.retried_in is None
        }

    def scheduled(self) -> list[str]:
        return [key for key, state in self.states().items() if state == JobState.SCHEDULED]


def command(key: str, **more: object) -> dict[str, Any]:
    return {"key": key, "label": key, "command": f"run {key}", **more}
