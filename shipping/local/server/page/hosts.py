"""The hosts of the world: by region, what each runs, and how far its last roll came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from starlette.routing import Route

from shipping.local.hosts.published import published
from shipping.local.hosts.running import running
from shipping.local.server.moments import duration
from shipping.local.server.page.rendering import Part, respond
from shipping.local.server.page.rows import NO_TIME, Time, build_path
from shipping.local.server.wire import plane

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response

    from shipping.local.hosts.published import RunningHost
    from shipping.local.hosts.running import Running, RunningGroup
    from shipping.local.server.plane import Plane

TOPIC = "hosts"
SHORT = 10
"""Characters of a commit, as everywhere on the page."""
ROLLS = {
    "complete": ("good", "complete"),
    "failed": ("bad", "failed"),
    "triggered": ("busy", "rolling"),
    "serving": ("busy", "rolling"),
    "fetched": ("calm", "fetched"),
}
PHASES = {"serving": "good", "starting": "busy", "draining": "held", "ended": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A commit, and the newest deploy of it to a region, where the world built one."""

    commit: str
    message: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    id: str
    process: str
    commit: str
    phase: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    name: str
    tone: str
    state: str
    why: str
    release: Release | None
    since: Time
    groups: tuple[GroupRow, ...]
    addresses: tuple[tuple[str, str], ...]
    pid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRow:
    """A region's hosts. ``tone`` and ``words`` are the region at a glance."""

    id: str
    name: str
    tone: str
    words: str
    release: Release | None
    hosts: tuple[HostRow, ...]


async def hosts(request: Request) -> Response:
    """Every host, by region."""
    world = plane(request)
    return respond(
        request, "hosts.html", title="Hosts: local Buildkite", here="hosts", refresh=True, parts=[hosts_part(world)]
    )


def hosts_part(world: Plane) -> Part:
    """Return the part that shows every host."""
    return Part(name="hosts", topics=(TOPIC, "builds"), told=lambda: {"regions": regions(world)})


def regions_part(world: Plane) -> Part:
    """Return the part that shows every region at a glance."""
    return Part(name="regions", topics=(TOPIC, "builds"), told=lambda: {"regions": regions(world)})


def regions(world: Plane) -> list[RegionRow]:
    """Return the regions that have hosts, as the hosts' own notes say they are now."""
    found: dict[tuple[str, str], list[RunningHost]] = {}
    for one in published(world.folder):
        found.setdefault((one.app, one.region), []).append(one)
    return [_region(world, app, region, there) for (app, region), there in found.items()]


def snapshot(world: Plane) -> list[tuple[RunningHost, Running]]:
    """Return what the part shows of hosts, but for what moves with the clock."""
    return [(one, replace(running(one.folder), since=None)) for one in published(world.folder)]


def _region(world: Plane, app: str, region: str, there: Iterable[RunningHost]) -> RegionRow:
    rows = tuple(_host(world, one, running(one.folder)) for one in there)
    tones = [row.tone for row in rows]
    commits = [row.release.commit if row.release else "" for row in rows]
    most = max(commits, key=commits.count)
    tone = next((one for one in ("bad", "busy", "calm") if one in tones), "good")
    which = [row.state for row in rows if row.tone == tone]
    many = f"{len(rows)} host{'' if len(rows) == 1 else 's'}"
    return RegionRow(
        id=f"{app}-{region}",
        name=f"{app} in {region}",
        tone=tone,
        words=many if tone == "good" else f"{len(which)} of {many}: {which[0]}",
        release=next((row.release for row in rows if row.release and row.release.commit == most), None),
        hosts=rows,
    )


def _host(world: Plane, one: RunningHost, found: Running) -> HostRow:
    tone, state = ROLLS.get(found.roll or "", ("calm", "nothing yet"))
    if one.pid is None:
        tone, state = "bad", "no daemon"
    return HostRow(
        name=one.name,
        tone=tone,
        state=state,
        why=found.why,
        release=None if found.commit is None else _release(world, one, found.commit),
        since=NO_TIME if found.since is None else _since(world, found.since),
        groups=tuple(_group(group) for group in found.groups),
        addresses=tuple(one.addresses.items()),
        pid=one.pid,
    )


def _group(group: RunningGroup) -> GroupRow:
    return GroupRow(
        id=group.id,
        process=group.process,
        commit=group.commit[:SHORT],
        phase=group.phase,
        tone=PHASES.get(group.phase, "calm"),
    )


def _since(world: Plane, since: str) -> Time:
    seconds = world.now() - datetime.fromisoformat(since).timestamp()
    return Time(text=duration(seconds), ticks=round(seconds, 1))


def _release(world: Plane, one: RunningHost, commit: str) -> Release:
    """Return the commit with the build that deployed it, the newest of the region's own pipeline, and what that was for."""
    pipeline = f"{one.app}-deploy-{one.region}"
    for build in reversed(tuple(world.state.builds.values())):
        if build.commit == commit and build.pipeline.slug.endswith(pipeline):
            asked = world.state.builds.get(build.triggered_from.build) if build.triggered_from else None
            message = (asked or build).message.partition("\n")[0]
            return Release(commit=commit[:SHORT], message=message, url=build_path(build, world.site))
    return Release(commit=commit[:SHORT])


ROUTES = [Route("/hosts", hosts, methods=["GET"])]
