"""The working copy of one transition: the one place where a state is built from another."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.commands import AnyCommand, Forget, Put
from shipping.local.engine.records import Agent, Build, Job, Record, State, Step
from shipping.local.engine.rejection import unknown

if TYPE_CHECKING:
    from collections.abc import Mapping


class Draft:
    """Copies what it changes and remembers each change as a command; the state it began with stays as it was."""

    def __init__(self, state: State, at: float) -> None:
        self.at = at
        self._state = state
        self._builds = dict(state.builds)
        self._agents = dict(state.agents)
        self._steps = dict(state.steps)
        self._jobs = dict(state.jobs)
        self._home: dict[str, str] | None = None
        self._own_steps: dict[str, dict[str, Step]] = {}
        self._own_jobs: dict[str, dict[str, Job]] = {}
        self._changed: dict[tuple[type[Record], str], Record] = {}
        self.commands: list[AnyCommand] = []

    def build(self, build_id: str) -> Build:
        try:
            return self._builds[build_id]
        except KeyError:
            raise unknown("build", build_id) from None

    def builds(self) -> tuple[Build, ...]:
        return tuple(self._builds.values())

    def unfinished(self) -> tuple[Build, ...]:
        return tuple(build for build in self._builds.values() if build.finished_at is None)

    def agent(self, agent_id: str) -> Agent:
        try:
            return self._agents[agent_id]
        except KeyError:
            raise unknown("agent", agent_id) from None

    def agents(self) -> tuple[Agent, ...]:
        return tuple(self._agents.values())

    def job(self, job_id: str) -> Job:
        home = self._state.home if self._home is None else self._home
        try:
            return self._jobs[home[job_id]][job_id]
        except KeyError:
            raise unknown("job", job_id) from None

    def find(self, job_id: str) -> Job | None:
        """Return the job, None where it has been forgotten with its build."""
        home = self._state.home if self._home is None else self._home
        return self._jobs[home[job_id]][job_id] if job_id in home else None

    def find_build(self, build_id: str) -> Build | None:
        return self._builds.get(build_id)

    def jobs(self, build_id: str) -> Mapping[str, Job]:
        return self._jobs[build_id]

    def steps(self, build_id: str) -> Mapping[str, Step]:
        return self._steps[build_id]

    def step(self, job: Job) -> Step:
        return self._steps[job.build][job.step]

    def put(self, record: Record) -> None:
        self._changed[type(record), record.id] = record
        match record:
            case Build():
                self._builds[record.id] = record
                self._steps.setdefault(record.id, {})
                self._jobs.setdefault(record.id, {})
            case Agent():
                self._agents[record.id] = record
            case Step():
                self._writable_steps(record.build)[record.id] = record
            case Job():
                self._writable_jobs(record.build)[record.id] = record
                if record.id not in self._writable_home():
                    self._writable_home()[record.id] = record.build

    def remember(self, agent: Agent) -> None:
        """Change an agent without a word to the ledger: when it was last seen is not worth a write."""
        self._agents[agent.id] = agent

    def forget(self, build: Build) -> None:
        for job_id in self._jobs[build.id]:
            self._writable_home().pop(job_id, None)
        for kept in (self._builds, self._steps, self._jobs):
            kept.pop(build.id, None)
        self.commands.append(Forget(build=build.id))

    def changed(self) -> tuple[Record, ...]:
        """Return the records that were put, in the order in which each came first."""
        return tuple(self._changed.values())

    def finish(self) -> tuple[State, tuple[AnyCommand, ...]]:
        """Return the new state and the commands, records first."""
        state = replace(
            self._state,
            builds=self._builds,
            agents=self._agents,
            steps=self._steps,
            jobs=self._jobs,
            home=self._state.home if self._home is None else self._home,
        )
        return state, (*(Put(record=record) for record in self._changed.values()), *self.commands)

    def _writable_steps(self, build_id: str) -> dict[str, Step]:
        if build_id not in self._own_steps:
            self._own_steps[build_id] = dict(self._steps.get(build_id, {}))
            self._steps[build_id] = self._own_steps[build_id]
        return self._own_steps[build_id]

    def _writable_jobs(self, build_id: str) -> dict[str, Job]:
        if build_id not in self._own_jobs:
            self._own_jobs[build_id] = dict(self._jobs.get(build_id, {}))
            self._jobs[build_id] = self._own_jobs[build_id]
        return self._own_jobs[build_id]

    def _writable_home(self) -> dict[str, str]:
        if self._home is None:
            self._home = dict(self._state.home)
        return self._home


def derived(parent: str, *path: object) -> str:
    """Return the id of a thing by its parent's: the same event gives the same ids."""
    return str(uuid.uuid5(uuid.UUID(parent), "/".join(str(part) for part in path)))
