"""What is there beside what must be: field by field, pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shipping.pipelines.desired import Desired, Schedule

NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A pipeline as Buildkite tells it (None: there is none), and what was looked up for it.

    ``cluster`` is the id of the cluster that is wanted, ``teams`` the ids of the wanted teams, by slug; ``access`` what each
    may do now, None where it has no access.
    """

    pipeline: Mapping[str, Any] | None
    cluster: str | None = None
    teams: Mapping[str, str] = field(default_factory=dict)
    access: Mapping[str, str | None] = field(default_factory=dict)
    schedules: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that is not as it must be."""

    field: str
    found: Any
    wanted: Any

    def __str__(self) -> str:
        found = NOTHING if self.found is None else _short(self.found)
        return f"{self.field}: {found} -> {_short(self.wanted)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What is to be done about a pipeline. ``notes`` are for a person: nothing here acts on them."""

    slug: str
    exists: bool
    settings: tuple[Change, ...] = ()
    provider: tuple[Change, ...] = ()
    teams: tuple[Change, ...] = ()
    schedules: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        return (*self.settings, *self.provider, *self.teams, *self.schedules)

    @property
    def action(self) -> str:
        if not self.exists:
            return "create"
        return "update" if self.changes else "none"


def compare(desired: Desired, found: Found) -> Difference:
    """Return what must change for the pipeline to be as desired."""
    there = found.pipeline or {}
    wanted = dict(desired.settings)
    if desired.cluster is not None:
        wanted["cluster_id"] = found.cluster
    provider, absent = _provider(desired, found)
    schedules, notes = _schedules(desired, found)
    return Difference(
        slug=desired.slug,
        exists=found.pipeline is not None,
        settings=tuple(_fields("", there, wanted)),
        provider=provider,
        teams=tuple(_fields("teams.", found.access, desired.teams)),
        schedules=schedules,
        notes=(*absent, *notes),
    )


def _fields(prefix: str, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Change]:
    return [
        Change(field=f"{prefix}{name}", found=there.get(name), wanted=value)
        for name, value in wanted.items()
        if not _same(there.get(name), value)
    ]


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, str) and isinstance(wanted, str):
        # A text field of a form may lose or gain its last line's end; that is nobody's change.
        return found.rstrip() == wanted.rstrip()
    return found == wanted


def _provider(desired: Desired, found: Found) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Return the provider's settings that differ, and a note for each that this provider does not have."""
    if found.pipeline is None:
        return tuple(_fields("provider_settings.", {}, desired.provider)), ()
    provider = found.pipeline.get("provider") or {}
    there = provider.get("settings") or {}
    had = {name: value for name, value in desired.provider.items() if name in there}
    notes = [
        f"the provider {provider.get('id')!r} has no setting {name!r} (wanted: {_short(value)})"
        for name, value in desired.provider.items()
        if name not in there
    ]
    return tuple(_fields("provider_settings.", there, had)), tuple(notes)


def _schedules(desired: Desired, found: Found) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    changes: list[Change] = []
    notes: list[str] = []
    for schedule in desired.schedules:
        same = labelled(schedule, found.schedules)
        there = same[0] if same else {}
        changes += _fields(f"schedules.{schedule.label}.", there, schedule.fields)
        if len(same) > 1:
            notes.append(f"there are {len(same)} schedules called {schedule.label!r}: delete all but one")
    return tuple(changes), tuple(notes)


def labelled(schedule: Schedule, schedules: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the schedules that have this one's label, the oldest first: it is the one that is kept."""
    same = [one for one in schedules if one.get("label") == schedule.label]
    return sorted(same, key=lambda one: str(one.get("created_at")))


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."
