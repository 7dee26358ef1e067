"""Makes an organization's pipelines as they must be. Creates and updates, never deletes; half done, the next run goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Fault, Faults, Refused, nearest
from shipping.buildkite.answers import Invalid
from shipping.pipelines.difference import Difference, Found, compare, labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shipping.buildkite.organization import Organization
    from shipping.pipelines.desired import Desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The ids of an organization's clusters by name and of its teams by slug; empty where nothing asks for them."""

    clusters: Mapping[str, str]
    teams: Mapping[str, str]


def look_up(organization: Organization, pipelines: Sequence[Desired]) -> Names:
    """Return the ids behind the names that the pipelines use. Raises Faults with every name that nothing has."""
    clusters = {one.cluster for one in pipelines if one.cluster is not None}
    teams = {team for one in pipelines for team in one.teams}
    found = Names(
        clusters={str(one["name"]): str(one["id"]) for one in organization.clusters()} if clusters else {},
        teams={str(one["slug"]): str(one["id"]) for one in organization.teams()} if teams else {},
    )
    faults = [
        *(_missing("buildkite/cluster", name, found.clusters) for name in sorted(clusters - found.clusters.keys())),
        *(_missing(f"buildkite/teams/{name}", name, found.teams) for name in sorted(teams - found.teams.keys())),
    ]
    if faults:
        raise Faults(
            f"organization {organization.slug}",
            faults,
            hint="create it on the organization's settings page, or name one that is there",
        )
    return found


def _missing(path: str, name: str, known: Mapping[str, str]) -> Fault:
    there = ", ".join(sorted(known)) or "nothing: the organization has none"
    return Fault(path=path, found=repr(name), allowed=f"{there}{nearest(name, known)}")


def read(organization: Organization, desired: Desired, names: Names) -> Found:
    """Return the pipeline as it is, with all that the comparison needs."""
    pipeline = organization.pipeline(desired.slug)
    if pipeline is None:
        organization.check()
    elif pipeline.get("archived_at"):
        raise Refused(
            f"cannot change the pipeline {desired.slug!r}: it is archived",
            hint=f"unarchive it on its settings page: {pipeline.get('web_url')}/settings",
        )
    teams = {team: names.teams[team] for team in desired.teams}
    access = {}
    if pipeline is not None:
        access = {team: organization.access(uuid, str(pipeline["id"])) for team, uuid in teams.items()}
    return Found(
        pipeline=pipeline,
        cluster=names.clusters.get(desired.cluster or ""),
        teams=teams,
        access=access,
        schedules=organization.schedules(desired.slug) if pipeline is not None and desired.schedules else (),
    )


def sync(
    organization: Organization,
    pipelines: Sequence[Desired],
    *,
    act: bool,
    show: Callable[[Difference], None] = lambda _: None,
) -> list[Difference]:
    """Return what differs; ``show`` is told each pipeline's differences before anything is done about them.

    Raises Refused where Buildkite took a change and still tells another value: it would come back on every run.
    """
    names = look_up(organization, pipelines)
    differences = []
    for desired in pipelines:
        found = read(organization, desired, names)
        difference = compare(desired, found)
        show(difference)
        differences.append(difference)
        if act and difference.action != "none":
            _act(organization, desired, found, difference)
            _confirm(desired, compare(desired, read(organization, desired, names)))
    return differences


def _act(organization: Organization, desired: Desired, found: Found, difference: Difference) -> None:
    if found.pipeline is None:
        created = _create(organization, desired, found)
        # Another run was faster: what it has made is compared and changed as any other pipeline.
        names = Names(clusters={desired.cluster or "": found.cluster or ""}, teams=found.teams)
        found = read(organization, desired, names)
        difference = compare(desired, found)
        if created is None and found.pipeline is None:
            raise Refused(f"cannot create the pipeline {desired.slug!r}: its name is taken, and it is not there to see")
    if found.pipeline is None:
        return
    changed: dict[str, Any] = {change.field: change.wanted for change in difference.settings}
    if difference.provider:
        # All of ours, not only what differs: whether the server merges or replaces is not documented.
        there = (found.pipeline.get("provider") or {}).get("settings") or {}
        changed["provider_settings"] = {name: value for name, value in desired.provider.items() if name in there}
    if changed:
        organization.update_pipeline(desired.slug, changed)
    _let_teams(organization, desired, found)
    _schedule(organization, desired, found)


def _create(organization: Organization, desired: Desired, found: Found) -> Mapping[str, Any] | None:
    """Create the pipeline; None where its name is taken by now."""
    # Without the provider's settings: which of them it has is known when it is there.
    body: dict[str, Any] = {"name": desired.slug, **desired.settings}
    if found.cluster is not None:
        body["cluster_id"] = found.cluster
    if desired.teams:
        body["teams"] = {found.teams[team]: level for team, level in desired.teams.items()}
    try:
        return organization.create_pipeline(body)
    except Invalid as error:
        if organization.pipeline(desired.slug) is not None:
            return None
        if not desired.teams:
            raise Invalid(
                error.message,
                said=error.said,
                hint="where Teams are on, only administrators create pipelines without one: set buildkite/teams",
            ) from error
        raise


def _let_teams(organization: Organization, desired: Desired, found: Found) -> None:
    pipeline = str((found.pipeline or {})["id"])
    for team, level in desired.teams.items():
        now = found.access.get(team)
        if now is None:
            _give_access(organization, found.teams[team], pipeline, level)
        elif now != level:
            organization.change_access(found.teams[team], pipeline, level)


def _give_access(organization: Organization, team: str, pipeline: str, level: str) -> None:
    try:
        organization.give_access(team, pipeline, level)
    except Invalid:
        # Another run has given it meanwhile, or the answer to ours was lost.
        if organization.access(team, pipeline) != level:
            raise


def _schedule(organization: Organization, desired: Desired, found: Found) -> None:
    for schedule in desired.schedules:
        same = labelled(schedule, found.schedules)
        if not same:
            organization.create_schedule(desired.slug, {"label": schedule.label, **schedule.fields})
        elif any(same[0].get(name) != value for name, value in schedule.fields.items()):
            organization.update_schedule(desired.slug, str(same[0]["id"]), schedule.fields)


def _confirm(desired: Desired, left: Difference) -> None:
    if left.changes:
        lines = "".join(f"\n  {change}" for change in left.changes)
        raise Refused(
            f"the pipeline {desired.slug!r} was changed, and still differs:{lines}",
            hint="another run, a person or a rule of the organization changes it too; run it again to see",
        )
