"""Plays a behaviour case (``tests/cases/engine``) on the pure engine: a pipeline, what happens to it, what must come of it.

A file holds one or more YAML documents:

    docs: the page of Buildkite's documentation that the rule comes from
    case: what is shown, in one sentence
    beyond: why Buildkite's published schema would not take the pipeline, where it would not
    build: {branch: main, message: m, commit: c, source: api, env: {}, meta_data: {}, pull_request: {id: "7", ...}}
    pipeline: the document, as the agent uploads it
    pipelines: {slug: {steps: ..., and settings of the pipeline}}: what trigger steps may name; asked for at every upload
    refused: a part of the refusal, where the pipeline itself is refused
    script: what happens, in order (the verbs are the methods of Play; ``refused: text`` on any of them expects a refusal)
    end: what must be true then, as in ``expect``

Jobs are called by their step's key; ``key[1]`` is the second of several. More builds are made with ``{build: second, ...}``
and their jobs called ``second/key``. A triggered build is called as its pipeline, the second one ``slug#2``.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from shipping.local.engine import events, triggers
from shipping.local.engine.commands import Notify, SetMetaData, StartTriggered
from shipping.local.engine.environment import Site, job_env, job_name
from shipping.local.engine.machine import step
from shipping.local.engine.matrix import command_of
from shipping.local.engine.records import Agent, Author, Build, Job, Pipeline, PullRequest, State, Step
from shipping.local.engine.rejection import Rejection
from shipping.local.engine.states import TAKEN, JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[3] / "cases" / "engine"
FIRST = ""
LOST_AFTER = 20.0
SITE = Site(url="http://127.0.0.1:1", organization="local")
KNOWN = {"docs", "case", "beyond", "build", "pipeline", "pipelines", "refused", "script", "end"}
VERBS = (
    "build",
    "ready",
    "start",
    "run",
    "upload",
    "cancel",
    "cancel_build",
    "retry",
    "unblock",
    "agent_lost",
    "pass_minutes",
    "expect",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    told: Mapping[str, Any]


def load() -> Iterator[Case]:
    """Yield every case below ``tests/cases/engine``, named by its file and its sentence."""
    for path in sorted(ROOT.rglob("*.yml")):
        for told in yaml.safe_load_all(path.read_text()):
            yield Case(name=f"{path.relative_to(ROOT).with_suffix('')}: {told['case']}", told=told)


def play(case: Case) -> None:
    """Play the case; raises AssertionError where the engine does something else."""
    told = case.told
    assert not set(told) - KNOWN, f"unknown words: {set(told) - KNOWN}"
    assert told["docs"].startswith("https://buildkite.com/docs/")
    course = Play(pipelines=told.get("pipelines"))
    course.happen({**told.get("build", {}), "build": FIRST, "pipeline": told["pipeline"], **_refusal(told)})
    for happening in told.get("script", []):
        course.happen(happening)
    if "end" in told:
        course.expect(told["end"])


def _refusal(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"refused": told["refused"]} if "refused" in told else {}


@dataclass(slots=True)
class Play:
    """The engine with whatever agents a case needs: one per job, tagged so that it may run any of them."""

    state: State = field(default_factory=State)
    at: float = 1_000_000.0
    builds: dict[str, str] = field(default_factory=dict)
    meta_data: dict[str, dict[str, str]] = field(default_factory=dict)
    notified: dict[str, list[str]] = field(default_factory=dict)
    drawn: int = 1000
    pipelines: Mapping[str, Any] | None = None

    def happen(self, happening: Mapping[str, Any]) -> None:
        """Let one thing happen; with ``refused``, it must be refused in these words (each of them, where they are a list)."""
        (verb,) = set(happening) & set(VERBS)
        more = {name: value for name, value in happening.items() if name not in (verb, "refused")}
        if "refused" not in happening:
            getattr(self, verb)(happening[verb], **more)
            return
        try:
            getattr(self, verb)(happening[verb], **more)
        except Rejection as rejection:
            for sentence in _listed(happening["refused"]):
                assert sentence in rejection.message, rejection.message  # noqa: PT017 - the message is the point
        else:
            raise AssertionError(f"was not refused: {happening}")

    # What happens.

    def build(self, name: str, *, pipeline: object = None, slug: str = "inbox", **told: Any) -> None:  # noqa: ANN401 - facts of the event
        """A build is created; ``name`` is what the case calls it."""
        build_id = self._draw()
        pull = told.pop("pull_request", None)
        facts = {"branch": "main", "commit": "HEAD", "message": "a message", "author": Author(), **told}
        self._apply(
            events.BuildCreated(
                at=self.at,
                id=build_id,
                pipeline=self._pipeline(slug),
                document=pipeline or {"steps": self._told(slug)["steps"]},
                pull_request=PullRequest(**{**pull, "labels": tuple(pull.get("labels", ()))}) if pull else None,
                pipelines=self.pipelines,
                **facts,
            )
        )
        self.builds[name] = build_id

    def ready(self, keys: list[str]) -> None:
        """These jobs would be handed out now, in this order, if there were agents enough. Nothing changes."""
        state, found = self.state, []
        while (job := self._offered()) is not None:
            found.append(self._called(job))
        self.state = state
        assert keys == found

    def start(self, key: str) -> None:
        """An agent takes the job and starts it."""
        wanted, others = self._job(key), []
        assert wanted.state is JobState.SCHEDULED, f"{key} is {wanted.state}"
        while (job := self._offered()) is not None and job.id != wanted.id:
            others.append(str(job.agent))
        assert job is not None, f"{key} is not handed out"
        for agent in others:
            self._apply(events.AgentLeft(at=self.at, agent=agent))
        self._apply(events.JobAccepted(at=self.at, job=job.id, agent=str(job.agent)))
        self._apply(events.JobStarted(at=self.at, job=job.id))

    def run(self, key: str, *, exit: int = 0, signal: str = "", signal_reason: str = "") -> None:  # noqa: A002
        """The job ends; it is started first if no agent has it."""
        if self._job(key).state not in TAKEN:
            self.start(key)
        job = self._job(key)
        self._apply(
            events.JobFinished(at=self.at, job=job.id, exit_status=exit, signal=signal, signal_reason=signal_reason)
        )
        self._apply(events.AgentLeft(at=self.at, agent=str(job.agent)))

    def upload(self, key: str, *, pipeline: object, uuid: str | None = None) -> None:
        """The job uploads a pipeline; it is started first if no agent has it."""
        if self._job(key).state not in TAKEN:
            self.start(key)
        name = uuid or self._draw()
        self._apply(
            events.PipelineUploaded(
                at=self.at, job=self._job(key).id, uuid=name, document=pipeline, pipelines=self.pipelines
            )
        )

    def cancel(self, key: str) -> None:
        self._apply(events.JobCanceled(at=self.at, job=self._job(key).id))

    def cancel_build(self, name: str) -> None:
        self._apply(events.BuildCanceled(at=self.at, build=self.builds[name]))

    def retry(self, key: str) -> None:
        self._apply(events.JobRetried(at=self.at, job=self._job(key).id))

    def unblock(self, key: str, *, fields: Mapping[str, Any] | None = None, by: str = "Ann") -> None:
        """A person unblocks a step; a list is several values."""
        given = {name: tuple(one) if isinstance(one, list) else one for name, one in (fields or {}).items()}
        self._apply(events.JobUnblocked(at=self.at, job=self._job(key).id, fields=given, by=Author(name=by)))

    def agent_lost(self, key: str) -> None:
        """The agent of the job falls silent; all others are heard of."""
        silent = self._job(key).agent
        self.at += LOST_AFTER + 1
        for agent in self.state.agents:
            if agent != silent:
                self._apply(events.AgentSeen(at=self.at, agent=agent))
        self._apply(events.Ticked(at=self.at, lost_after=LOST_AFTER))

    def pass_minutes(self, minutes: float) -> None:
        """Time passes; all agents are heard of."""
        self.at += minutes * 60
        for agent in self.state.agents:
            self._apply(events.AgentSeen(at=self.at, agent=agent))
        self._apply(events.Ticked(at=self.at, lost_after=LOST_AFTER))

    # What must be true.

    def expect(self, told: Mapping[str, Any]) -> None:
        """Compare what is told: ``build``, ``builds``, ``jobs``, ``reasons``, ``names``, ``work``, ``order``..."""
        for what, wanted in told.items():
            found = getattr(self, f"_{what}")(wanted)
            assert wanted == found, f"{what}: {found}"

    def _build(self, _: str) -> str:
        return str(self._of(FIRST).state)

    def _builds(self, wanted: Mapping[str, str]) -> dict[str, str]:
        return {name: str(self._of(name).state) for name in wanted}

    def _jobs(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the state of each job called: one word, or a list where several differ (or a list is wanted)."""
        found: dict[str, Any] = {}
        for key, expected in wanted.items():
            states = [str(job.state) for job in self._latest(key)]
            found[key] = states if isinstance(expected, list) or len(set(states)) != 1 else states[0]
        return found

    def _reasons(self, wanted: Mapping[str, str]) -> dict[str, str]:
        return {key: self._job(key).reason for key in wanted}

    def _attempts(self, wanted: Mapping[str, int]) -> dict[str, int]:
        return {key: self._job(key).attempt for key in wanted}

    def _names(self, wanted: Mapping[str, list[str]]) -> dict[str, list[str]]:
        return {key: [job_name(self._step(job), job) for job in self._latest(key)] for key in wanted}

    def _work(self, wanted: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
        """Return what each job runs, of its attributes those that are asked for."""
        found: dict[str, list[dict[str, Any]]] = {}
        for key, bodies in wanted.items():
            commands = [command_of(self._step(job), job) for job in self._latest(key)]
            found[key] = [
                {name: _plain(getattr(command, name)) for name in asked}
                for command, asked in zip(commands, bodies, strict=True)
            ]
        return found

    def _order(self, _: list[str]) -> list[str]:
        steps = self.state.steps[self.builds[FIRST]]
        return [steps[one].key or steps[one].label for one in self._of(FIRST).order]

    def _meta_data(self, _: Mapping[str, str]) -> dict[str, str]:
        return self.meta_data.get(self.builds[FIRST], {})

    def _told_of(self, name: str) -> dict[str, Any]:
        build = self._of(name)
        return {
            "branch": build.branch,
            "commit": build.commit,
            "message": build.message,
            "source": build.source,
            "author": build.author.name,
            "env": dict(build.env),
            "meta_data": self.meta_data.get(build.id, {}),
            "pull_request": build.pull_request.id if build.pull_request else None,
            "blocked_state": build.blocked_state,
        }

    def _facts(self, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return what is asked for of each build called: its branch, commit, message, source, env..."""
        return {name: {fact: self._told_of(name)[fact] for fact in facts} for name, facts in wanted.items()}

    def _env(self, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
        """Return what each job called is given under the names asked for."""
        given = {key: job_env(self.state, self._job(key), SITE) for key in wanted}
        return {key: {name: given[key].get(name) for name in names} for key, names in wanted.items()}

    def _notifications(self, _: list[str]) -> list[str]:
        return self.notified.get(self.builds[FIRST], [])

    # How.

    def _apply(self, event: events.Event) -> None:
        self.state, commands = step(self.state, event)
        self.at += 1
        for command in commands:
            if isinstance(command, SetMetaData):
                self.meta_data.setdefault(command.build, {})[command.key] = command.value
            if isinstance(command, Notify):
                one = command.notification
                self.notified.setdefault(one.build, []).append(f"{one.event} {one.channel}")
        for command in commands:
            if isinstance(command, StartTriggered):
                self._start_triggered(command.job)

    def _start_triggered(self, job_id: str) -> None:
        """Make the build that a trigger job asks for, as the server does."""
        job = self.state.job(job_id)
        if job is None or job.state is not JobState.SCHEDULED:
            return
        asked = triggers.wanted(self.state, job, job_name(self._step(job), job))
        count = sum(build.pipeline.slug == asked.pipeline for build in self.state.builds.values())
        created = events.BuildCreated(
            at=self.at,
            id=asked.id,
            pipeline=self._pipeline(asked.pipeline),
            document={"steps": self._told(asked.pipeline)["steps"]},
            branch=asked.branch or "main",
            commit=asked.commit,
            message=asked.message,
            author=asked.author,
            source="trigger_job",
            env=asked.env,
            meta_data=asked.meta_data,
            pull_request=asked.pull_request,
            pipelines=self.pipelines,
            triggered_by=job.id,
        )
        self.builds[f"{asked.pipeline}#{count + 1}" if count else asked.pipeline] = asked.id
        self._apply(created)

    def _told(self, slug: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (self.pipelines or {}).get(slug, {})
        return found

    def _pipeline(self, slug: str) -> Pipeline:
        settings = {name: value for name, value in self._told(slug).items() if name != "steps"}
        found = Pipeline(id=str(uuid.UUID(int=len(slug))), slug=slug, name=slug, repository="/repository")
        return replace(found, **settings)

    def _draw(self) -> str:
        self.drawn += 1
        return str(uuid.UUID(int=self.drawn))

    def _offered(self) -> Job | None:
        """Return what a new agent is given that may run any job."""
        jobs = [job for of in self.state.jobs.values() for job in of.values()]
        bodies = [command_of(self._step(job), job) for job in jobs]
        rules = {rule for body in bodies if body is not None for rule in body.agents}
        agent_id = self._draw()
        tags = ("queue=default", *sorted(rules))
        agent = Agent(id=agent_id, name=agent_id, tags=tags, registered_at=self.at)
        self._apply(events.AgentRegistered(at=self.at, agent=agent))
        self._apply(events.AgentPinged(at=self.at, agent=agent_id))
        held = self.state.agents[agent_id].job
        if held is None:
            self._apply(events.AgentLeft(at=self.at, agent=agent_id))
            return None
        return self.state.job(held)

    def _of(self, name: str) -> Build:
        return self.state.builds[self.builds[name]]

    def _step(self, job: Job) -> Step:
        return self.state.steps[job.build][job.step]

    def _called(self, job: Job) -> str:
        name = next(name for name, build in self.builds.items() if build == job.build)
        key = self._step(job).key or self._step(job).label
        return f"{name}/{key}" if name else key

    def _latest(self, called: str) -> list[Job]:
        """Return the jobs of the step that count, in the order of their places."""
        name, key, index = _parsed(called)
        jobs = self.state.jobs[self.builds[name]].values()
        found = [job for job in jobs if job.retried_in is None and self._step(job).key == key]
        found.sort(key=lambda job: job.index)
        assert found, f"no job called {called!r}"
        return found if index is None else [found[index]]

    def _job(self, called: str) -> Job:
        """Return the job called so: of several, the first that has not ended, else the last."""
        jobs = self._latest(called)
        return next((job for job in jobs if job.finished_at is None), jobs[-1])


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _parsed(called: str) -> tuple[str, str, int | None]:
    matched = re.fullmatch(r"(?:(.*)/)?(.*?)(?:\[(\d+)\])?", called)
    assert matched is not None
    name, key, index = matched.groups()
    return name or FIRST, key, None if index is None else int(index)


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
