"""What a team may do with a pipeline: the words for it, and the teams that a new pipeline is created for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline_gen.config.buildkite import ACCESS
from shipping.local.engine.rejection import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.local.server.plane import Plane


def level(value: object) -> str:
    """Return an access level; raises Rejection for any other word."""
    if value not in ACCESS:
        raise invalid("access_level", f"must be {', '.join(ACCESS[:-1])} or {ACCESS[-1]}")
    return str(value)


def of_teams(world: Plane, asked: Mapping[str, Any]) -> dict[str, str]:
    """Return what the teams named in a request may do, by team id."""
    wanted = asked.get("teams")
    if wanted is None:
        listed = asked.get("team_uuids") or []
        if not isinstance(listed, list):
            raise invalid("team_uuids", "must be a list of team ids")
        wanted = {str(team): ACCESS[-1] for team in listed}
    if not isinstance(wanted, dict):
        raise invalid("teams", "must be a map of team ids to access levels")
    for team, access in wanted.items():
        if world.ledger.registry.get("team", team) is None:
            raise invalid("teams", f"{team!r} is not a team of this organization")
        level(access)
    return wanted
