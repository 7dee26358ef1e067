"""A build as a tree: groups, their steps, a step's parallel jobs, a job's earlier attempts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shipping.local.engine.dependencies import Graph, Outcome
from shipping.local.engine.dispatch import DEFAULT_QUEUE, matches
from shipping.local.engine.environment import job_name
from shipping.local.engine.kinds import Block, Command, Group, Input, Trigger, Wait
from shipping.local.engine.matrix import command_of, of_job
from shipping.local.engine.records import parallelism
from shipping.local.engine.retry import RETRYABLE
from shipping.local.engine.states import ENDED, TAKEN, AgentState, JobState
from shipping.local.server.moments import duration
from shipping.local.server.page.redaction import secrets_of, without
from shipping.local.server.page.rows import NO_TIME, TONES, Time, build_path, words

if TYPE_CHECKING:
    from shipping.local.engine.environment import Site
    from shipping.local.engine.kinds import Body
    from shipping.local.engine.records import Build, Job, State, Step

KINDS: dict[type[Body], str] = {
    Command: "command",
    Wait: "wait",
    Group: "group",
    Block: "block",
    Input: "input",
    Trigger: "trigger",
}
FOLDED = 12
"""Parallel jobs from this number on are folded while nothing is wrong with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Where in the build's time a job was queued and ran, in percent."""

    wait_x: float
    wait_width: float
    x: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """The build that a trigger made."""

    name: str
    url: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One line of the tree. ``id`` is the job's, or the step's where it stands for several."""

    kind: str
    id: str
    name: str
    state: str
    tone: str
    url: str = ""
    command: str = ""
    tags: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    reason: str = ""
    agent: str = ""
    time: Time = NO_TIME
    track: Track | None = None
    retry: bool = False
    cancel: bool = False
    unblock: bool = False
    child: Child | None = None
    open: bool = True
    children: tuple[Node, ...] = ()
    earlier: tuple[Node, ...] = ()

    @property
    def leaf(self) -> bool:
        return self.kind not in ("group", "parallel")


class Tree:
    """One build at one moment."""

    def __init__(self, state: State, build: Build, site: Site, now: float) -> None:
        self._state, self._build, self._site, self._now = state, build, site, now
        self._steps = state.steps[build.id]
        self._secrets = secrets_of({**build.pipeline.env, **build.pipeline_env, **build.env}, ())
        self._total = _axis((build.finished_at or now) - build.created_at, grows=build.finished_at is None)
        self._graph = Graph.of(state, build.id)
        self._jobs: dict[str, dict[int, list[Job]]] = {}
        for job in sorted(state.jobs[build.id].values(), key=lambda one: (one.index, one.attempt)):
            self._jobs.setdefault(job.step, {}).setdefault(job.index, []).append(job)

    def nodes(self) -> list[Node]:
        """Return the tree in the order of the pipeline."""
        inside: dict[str | None, list[Step]] = {}
        for step_id in self._build.order:
            inside.setdefault(self._steps[step_id].group, []).append(self._steps[step_id])
        return [self._step(step, inside) for step in inside.get(None, ())]

    def _step(self, step: Step, inside: dict[str | None, list[Step]]) -> Node:
        if isinstance(step.body, Group):
            children = tuple(self._step(one, inside) for one in inside.get(step.id, ()))
            return self._parent("group", step, step.label or step.key or "group", children)
        shares = [self._share(attempts) for attempts in self._jobs.get(step.id, {}).values()]
        if len(shares) == 1:
            return shares[0]
        node = self._parent("parallel", step, self._without_secrets(step, _name_of_all(step)), tuple(shares))
        return replace(node, open=len(shares) < FOLDED or node.tone == "bad")

    def _parent(self, kind: str, step: Step, name: str, children: tuple[Node, ...]) -> Node:
        outcome = self._graph.outcome(step)
        states = [leaf.state for child in children for leaf in (child.children or (child,)) if leaf.kind != "wait"]
        told, tone = _of_all(outcome, states)
        done = sum(state.replace(" ", "_") in ENDED or state == "soft failed" for state in states)
        tags = (f"{done} of {len(states)}",) if states else ()
        return Node(kind=kind, id=step.id, name=name, state=told, tone=tone, tags=tags, children=children)

    def _share(self, attempts: list[Job]) -> Node:
        *earlier, last = (self.job(one) for one in attempts)
        return replace(last, earlier=tuple(earlier))

    def job(self, job: Job) -> Node:
        """Return one attempt of a job as a line."""
        step = self._steps[job.step]
        body = command_of(step, job) or step.body
        told, tone = ("soft failed", "soft") if job.soft_failed else (words(job.state), TONES.get(job.state, "calm"))
        command = self._without_secrets(step, body.command.strip()) if isinstance(body, Command) else ""
        return Node(
            kind=KINDS[type(body)],
            id=job.id,
            name=self._without_secrets(step, name(step, job)),
            state=told,
            tone=tone,
            url=f"{build_path(self._build, self._site)}/jobs/{job.id}",
            command=command if step.label and "\n" not in command else "",
            tags=_tags(step, job),
            facts=tuple(facts(job)),
            reason=job.reason or self._waits_for(job, body),
            agent=self._state.agents[job.agent].name if job.agent else "",
            time=self._time(job),
            track=self._track(job),
            retry=_may_retry(job, body),
            cancel=isinstance(body, (Command, Trigger))
            and job.state not in ENDED | {JobState.CANCELING, JobState.TIMING_OUT},
            unblock=isinstance(body, (Block, Input)) and job.state is JobState.BLOCKED,
            child=self._child(job),
        )

    def _without_secrets(self, step: Step, text: str) -> str:
        """Return the text without what the job's environment holds as a secret: a command may say it again."""
        own = secrets_of(step.body.env, ()) if isinstance(step.body, Command) else []
        return without(text, [*own, *self._secrets])

    def _child(self, job: Job) -> Child | None:
        made = self._state.builds.get(job.triggered or "")
        if made is None:
            return None
        return Child(
            name=f"{made.pipeline.name} #{made.number}",
            url=build_path(made, self._site),
            state=words(made.state),
            tone=TONES.get(made.state, "calm"),
        )

    def _time(self, job: Job) -> Time:
        if job.started_at is None:
            return NO_TIME
        seconds = (job.finished_at or self._now) - job.started_at
        return Time(text=duration(seconds), ticks=round(seconds, 1) if job.state in TAKEN else None)

    def _track(self, job: Job) -> Track | None:
        begin, end = job.started_at, job.finished_at or self._now
        if begin is None:
            return None
        queued = job.scheduled_at if job.scheduled_at is not None else begin
        # A retry's step was queued before; the bar is about this attempt.
        queued = max(queued, job.created_at)
        return Track(
            wait_x=self._percent(queued - self._build.created_at),
            wait_width=self._percent(begin - queued),
            x=self._percent(begin - self._build.created_at),
            width=max(self._percent(end - begin), 0.6),
        )

    def _percent(self, part: float) -> float:
        return round(min(max(100 * part / self._total, 0), 100), 2)

    def _waits_for(self, job: Job, body: Body) -> str:
        """Say what holds a job up that may run: its concurrency group, or that no agent that is here may run it."""
        if not isinstance(body, Command):
            return ""
        if job.state is JobState.LIMITED:
            return f"waits for its turn in concurrency group {body.concurrency_group!r}"
        if job.state is not JobState.SCHEDULED:
            return ""
        here = (agent for agent in self._state.agents.values() if agent.state is AgentState.CONNECTED)
        if any(matches(body.agents, agent.tags) for agent in here):
            return ""
        return f"no agent is connected with {', '.join(body.agents) or DEFAULT_QUEUE}"


def _axis(seconds: float, *, grows: bool) -> float:
    """Return how long the time line is. While a build grows it does in steps: not every bar moves all the time."""
    if not grows:
        return max(seconds, 0.001)
    return float(1.2 ** math.ceil(math.log(max(seconds, 1), 1.2) + 0.5))


def name(step: Step, job: Job) -> str:
    """Return what a job is called: its label, else what it does."""
    body = command_of(step, job) or step.body
    label = job_name(step, job)
    if label:
        return label
    if isinstance(body, Command):
        return body.command.partition("\n")[0] or step.key or "command"
    if isinstance(body, (Block, Input)):
        return body.prompt or step.key or KINDS[type(body)]
    if isinstance(body, Trigger):
        return body.pipeline
    return "wait"


def facts(job: Job) -> list[str]:
    """Return what is worth saying about how a job ended."""
    told = []
    if job.exit_status:
        told.append(f"exit status {job.exit_status}")
    if job.signal:
        told.append(job.signal)
    if job.signal_reason:
        told.append(words(job.signal_reason))
    if job.retry_type:
        told.append(f"{job.retry_type} retry" if job.state is not JobState.PASSED else "retried by hand")
    if job.unblocker is not None:
        told.append(f"by {job.unblocker.name}")
    return told


def _may_retry(job: Job, body: Body) -> bool:
    if not isinstance(body, Command) or job.state not in RETRYABLE or job.retried_in is not None:
        return False
    return body.manual.allowed and (body.manual.permit_on_passed or job.state is not JobState.PASSED)


def _tags(step: Step, job: Job) -> tuple[str, ...]:
    shares = parallelism(step)
    share = f"{job.index + 1} of {shares}" if shares and "%" not in step.label else ""
    values = () if "{{" in step.label else of_job(step, job).values()
    attempt = f"attempt {job.attempt + 1}" if job.attempt else ""
    return tuple(tag for tag in (share, *values, attempt) if tag)


def _name_of_all(step: Step) -> str:
    """Return the name of a step with several jobs: its label without the share's number."""
    bare = re.sub(r"[\s(/#]*(?:%[nNtT]|\{\{[^{}]*\}\})[)\s]*", " ", step.label).strip()
    if bare:
        return bare
    body = step.body
    return step.key or (body.command.partition("\n")[0] if isinstance(body, Command) else "") or "step"


def _of_all(outcome: Outcome, states: list[str]) -> tuple[str, str]:
    if outcome is not Outcome.PENDING:
        tone = {Outcome.PASSED: "good", Outcome.FAILED: "bad", Outcome.SOFT_FAILED: "soft"}.get(outcome, "calm")
        return words(outcome.value), tone
    if any(state in ("failed", "timed out") for state in states):
        return "failing", "bad"
    for state, found in (("running", "busy"), ("blocked", "held"), ("scheduled", "calm")):
        if state in states:
            return state, found
    return "waiting", "calm"
