"""What the page shows of builds and jobs, as plain words and numbers; the templates only place them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.local.engine.dependencies import Graph, Outcome
from shipping.local.engine.dispatch import DEFAULT_QUEUE, matches
from shipping.local.engine.environment import job_name
from shipping.local.engine.records import ENDED, AgentState, Command, Group, JobState, Wait
from shipping.local.server.moments import duration, moment

if TYPE_CHECKING:
    from shipping.local.engine.environment import Site
    from shipping.local.engine.records import Body, Build, Job, State, Step

TONES = {
    "passed": "good",
    "connected": "good",
    "failed": "bad",
    "failing": "bad",
    "timed_out": "bad",
    "timing_out": "bad",
    "lost": "bad",
    "waiting_failed": "calm",
    "running": "busy",
    "accepted": "busy",
    "assigned": "busy",
    "canceling": "busy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRow:
    number: int
    slug: str
    pipeline: str
    url: str
    state: str
    tone: str
    message: str
    branch: str
    commit: str
    author: str
    jobs: str
    duration: str
    created: str
    created_short: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a build. ``x`` and the widths are percent of the build's time: queued, then ran."""

    kind: str
    id: str
    name: str
    state: str
    tone: str
    url: str = ""
    inside: bool = False
    share: str = ""
    attempt: str = ""
    retried: bool = False
    reason: str = ""
    agent: str = ""
    duration: str = ""
    wait_x: float = 0.0
    wait_width: float = 0.0
    x: float = 0.0
    width: float = 0.0


def build_row(state: State, build: Build, site: Site, now: float) -> BuildRow:
    """Return a build as one line of a list."""
    jobs = [
        job
        for job in state.jobs[build.id].values()
        if job.retried_in is None and isinstance(state.steps[build.id][job.step].body, Command)
    ]
    ended = sum(job.state in ENDED for job in jobs)
    created = moment(build.created_at)
    return BuildRow(
        number=build.number,
        slug=build.pipeline.slug,
        pipeline=build.pipeline.name,
        url=site.build_url(build).removeprefix(site.url),
        state=words(build.state),
        tone=TONES.get(build.state, "calm"),
        message=build.message.partition("\n")[0],
        branch=build.branch,
        commit=build.commit[:10],
        author=build.author.name,
        jobs=f"{ended} of {len(jobs)} jobs" if ended < len(jobs) else f"{ended} job{'' if ended == 1 else 's'}",
        duration="" if build.started_at is None else duration((build.finished_at or now) - build.started_at),
        created=created,
        created_short=f"{created[:16].replace('T', ' ')} UTC",
    )


def rows(state: State, build: Build, site: Site, now: float) -> list[Row]:
    """Return a build's lines in the order of its pipeline, retried attempts before the one that counts."""
    of_step: dict[str, list[Job]] = {}
    for job in sorted(state.jobs[build.id].values(), key=lambda one: (one.index, one.attempt)):
        of_step.setdefault(job.step, []).append(job)
    graph = Graph.of(state, build.id)
    found = []
    for step_id in build.order:
        step = state.steps[build.id][step_id]
        if isinstance(step.body, Group):
            found.append(_group_row(step, graph.outcome(step)))
        else:
            found += [job_row(state, build, job, site, now) for job in of_step.get(step_id, ())]
    return found


def _group_row(step: Step, outcome: Outcome) -> Row:
    told = "" if outcome is Outcome.PENDING else words(outcome.value)
    tone = {Outcome.PASSED: "good", Outcome.FAILED: "bad", Outcome.SOFT_FAILED: "soft"}.get(outcome, "calm")
    return Row(kind="group", id=step.id, name=step.label, state=told, tone=tone)


def job_row(state: State, build: Build, job: Job, site: Site, now: float) -> Row:
    """Return one attempt of a job as a line."""
    step = state.steps[build.id][job.step]
    told, tone = ("soft failed", "soft") if job.soft_failed else (words(job.state), TONES.get(job.state, "calm"))
    begin, end = job.started_at, job.finished_at or now
    total = max((build.finished_at or now) - build.created_at, 0.001)
    queued = job.scheduled_at if job.scheduled_at is not None else begin
    body = step.body
    shares = body.parallelism if isinstance(body, Command) else None
    return Row(
        kind="wait" if isinstance(body, Wait) else "job",
        id=job.id,
        name=job_name(step, job) or (body.command.partition("\n")[0] if isinstance(body, Command) else ""),
        state=told,
        tone=tone,
        url=f"{site.build_url(build).removeprefix(site.url)}/jobs/{job.id}",
        inside=step.group is not None,
        share=f"{job.index + 1} of {shares}" if shares and "%" not in step.label else "",
        attempt=f"attempt {job.attempt + 1}" if job.attempt else "",
        retried=job.retried_in is not None,
        reason=job.reason or _missing_agent(state, job, body),
        agent=state.agents[job.agent].name if job.agent else "",
        duration="" if begin is None else duration(end - begin),
        wait_x=0.0 if queued is None else _percent(queued - build.created_at, total),
        wait_width=0.0 if queued is None or begin is None else _percent(begin - queued, total),
        x=0.0 if begin is None else _percent(begin - build.created_at, total),
        width=0.0 if begin is None else max(_percent(end - begin, total), 0.4),
    )


def _missing_agent(state: State, job: Job, body: Body) -> str:
    """Say whom a scheduled job waits for, when no agent that is here may run it."""
    if job.state is not JobState.SCHEDULED or not isinstance(body, Command):
        return ""
    here = (agent for agent in state.agents.values() if agent.state is AgentState.CONNECTED)
    if any(matches(body.agents, agent.tags) for agent in here):
        return ""
    return f"no agent is connected with {', '.join(body.agents) or DEFAULT_QUEUE}"


def _percent(part: float, whole: float) -> float:
    return round(min(max(100 * part / whole, 0), 100), 2)


def words(state: str) -> str:
    """Return a state as people write it."""
    return state.replace("_", " ")


def facts(job: Job) -> list[str]:
    """Return what is worth saying about how a job ended."""
    told = []
    if job.exit_status is not None:
        told.append(f"exit status {job.exit_status}")
    if job.signal:
        told.append(job.signal)
    if job.signal_reason:
        told.append(words(job.signal_reason))
    if job.retry_type:
        told.append(f"{job.retry_type} retry" if job.state is not JobState.PASSED else "retried by hand")
    return told
