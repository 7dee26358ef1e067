"""What the page shows of builds, as plain words and numbers; the templates only place them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.local.engine.kinds import Command, Trigger
from shipping.local.engine.states import ENDED
from shipping.local.server.moments import duration, moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shipping.local.engine.environment import Site
    from shipping.local.engine.records import Build, Job, Pipeline, State

STRIP = 24
TONES = {
    "passed": "good",
    "connected": "good",
    "unblocked": "good",
    "failed": "bad",
    "failing": "bad",
    "timed_out": "bad",
    "timing_out": "bad",
    "lost": "bad",
    "running": "busy",
    "accepted": "busy",
    "assigned": "busy",
    "canceling": "busy",
    "blocked": "held",
}
"""Each state's tone; what has none waits, or was never run."""

TICKING = frozenset({"running", "failing", "canceling"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """A duration in words, and its seconds while it still grows."""

    text: str = ""
    ticks: float | None = None


NO_TIME = Time()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRow:
    id: str
    number: int
    slug: str
    pipeline: str
    url: str
    state: str
    tone: str
    message: str
    body: str
    branch: str
    commit: str
    author: str
    source: str
    pull_request: str
    jobs: str
    time: Time
    created: str
    created_short: str
    can_cancel: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One build in a pipeline's strip; ``height`` is percent of the longest."""

    url: str
    tone: str
    title: str
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRow:
    """A pipeline at a glance: its last builds from old to new, and the newest of them."""

    slug: str
    name: str
    description: str
    branch: str
    bars: tuple[Bar, ...]
    latest: BuildRow | None


def build_path(build: Build, site: Site) -> str:
    """Return where the build's page is."""
    return site.build_url(build).removeprefix(site.url)


def build_row(state: State, build: Build, site: Site, now: float) -> BuildRow:
    """Return a build as one line of a list."""
    created = moment(build.created_at)
    message, _, body = build.message.partition("\n")
    return BuildRow(
        id=build.id,
        number=build.number,
        slug=build.pipeline.slug,
        pipeline=build.pipeline.name,
        url=build_path(build, site),
        state=words(build.state),
        tone=TONES.get(build.state, "calm"),
        message=message,
        body=body.strip(),
        branch=build.branch,
        commit=build.commit[:10],
        author=build.author.name,
        source=words(build.source),
        pull_request="" if build.pull_request is None else build.pull_request.id,
        jobs=_jobs(state, build),
        time=_build_time(build, now),
        created=created,
        created_short=f"{created[:16].replace('T', ' ')} UTC",
        can_cancel=build.finished_at is None and build.state != "canceling",
    )


def _jobs(state: State, build: Build) -> str:
    steps = state.steps[build.id]
    jobs: Iterable[Job] = state.jobs[build.id].values()
    states = [
        one.state for one in jobs if one.retried_in is None and isinstance(steps[one.step].body, (Command, Trigger))
    ]
    ended = sum(one in ENDED for one in states)
    if ended < len(states):
        return f"{ended} of {len(states)} jobs"
    return f"{ended} job{'' if ended == 1 else 's'}"


def _build_time(build: Build, now: float) -> Time:
    if build.started_at is None:
        return NO_TIME
    seconds = (build.finished_at or now) - build.started_at
    return Time(text=duration(seconds), ticks=round(seconds, 1) if build.state in TICKING else None)


def pipeline_row(state: State, pipeline: Pipeline, builds: list[Build], site: Site, now: float) -> PipelineRow:
    """Return a pipeline with its last builds; ``builds`` are all of its own, from old to new."""
    last = builds[-STRIP:]
    times = [(one.finished_at or now) - one.started_at if one.started_at is not None else 0.0 for one in last]
    longest = max([*times, 1.0])
    return PipelineRow(
        slug=pipeline.slug,
        name=pipeline.name,
        description=pipeline.description,
        branch=pipeline.default_branch,
        bars=tuple(
            Bar(
                url=build_path(one, site),
                tone=TONES.get(one.state, "calm"),
                title=f"#{one.number} {words(one.state)}, {duration(time)}",
                height=20 + round(80 * time / longest),
            )
            for one, time in zip(last, times, strict=True)
        ),
        latest=build_row(state, last[-1], site, now) if last else None,
    )


def words(state: str) -> str:
    """Return a state as people write it."""
    return state.replace("_", " ")
