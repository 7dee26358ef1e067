"""A local Buildkite to try the configuration on: it is given the cluster, queues and teams that the real one has.

Never a real organization: what there is, a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shipping.buildkite.organization import Organization
    from shipping.pipelines.desired import Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What pipelines name and an organization does not have. ``queues`` are keys by the name of their cluster."""

    clusters: tuple[str, ...]
    queues: tuple[tuple[str, str], ...]
    teams: tuple[str, ...]

    def __str__(self) -> str:
        named = [
            *(f"cluster {name!r}" for name in self.clusters),
            *(f"queue {key!r}" for _, key in self.queues),
            *(f"team {name!r}" for name in self.teams),
        ]
        return ", ".join(named)


def lacking(organization: Organization, pipelines: Sequence[Desired], queues: Iterable[str]) -> Lacking:
    """Return what has to be made before the pipelines can be."""
    clusters = sorted({one.cluster for one in pipelines if one.cluster is not None})
    teams = {team for one in pipelines for team in one.teams}
    there = {str(one["name"]): str(one["id"]) for one in organization.clusters()} if clusters else {}
    has = {name: {str(one["key"]) for one in organization.queues(there[name])} for name in clusters if name in there}
    return Lacking(
        clusters=tuple(name for name in clusters if name not in there),
        queues=tuple((name, key) for name in clusters for key in sorted({*queues} - has.get(name, set()))),
        teams=tuple(sorted(teams - {str(one["slug"]) for one in organization.teams()})) if teams else (),
    )


def make_room(organization: Organization, lacks: Lacking) -> None:
    """Create what is lacking."""
    for name in lacks.clusters:
        organization.create_cluster(name)
    if lacks.queues:
        clusters = {str(one["name"]): str(one["id"]) for one in organization.clusters()}
        for name, key in lacks.queues:
            organization.create_queue(clusters[name], key)
    for name in lacks.teams:
        organization.create_team(name)


def without(pipelines: Sequence[Desired], lacks: Lacking) -> tuple[Desired, ...]:
    """Return the pipelines as they can be compared while it is lacking."""
    return tuple(
        replace(
            one,
            cluster=None if one.cluster in lacks.clusters else one.cluster,
            teams={team: level for team, level in one.teams.items() if team not in lacks.teams},
        )
        for one in pipelines
    )
