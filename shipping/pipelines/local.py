"""A local Buildkite to try the configuration on: it is given the cluster and the teams that the real one has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shipping.buildkite.organization import Organization
    from shipping.pipelines.desired import Desired


def make_room(organization: Organization, pipelines: Sequence[Desired]) -> None:
    """Create what the pipelines name and the organization lacks. Never for a real organization: there a person decides."""
    clusters = {one.cluster for one in pipelines if one.cluster is not None}
    teams = {team for one in pipelines for team in one.teams}
    for name in sorted(clusters - {str(one["name"]) for one in organization.clusters()}):
        organization.create_cluster(name)
    for name in sorted(teams - {str(one["slug"]) for one in organization.teams()}):
        organization.create_team(name)
