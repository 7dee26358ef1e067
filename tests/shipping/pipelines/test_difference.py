"""What is there beside what must be."""

from __future__ import annotations

from typing import Any

from shipping.pipelines.desired import Desired, Schedule
from shipping.pipelines.difference import Found, compare

SWEEP = Schedule(label="sweep", cronline="@hourly", message="Sweep", branch="main")
WANTED = Desired(
    slug="inbox",
    settings={"default_branch": "main", "configuration": "steps: []\n"},
    provider={"trigger_mode": "code"},
    cluster="main",
    teams={"sre": "read_only"},
    schedules=(SWEEP,),
)


def there(**more: Any) -> Found:  # noqa: ANN401 - JSON
    pipeline = {
        "id": "p",
        "default_branch": "main",
        "configuration": "steps: []",
        "cluster_id": "c",
        "provider": {"id": "github", "settings": {"trigger_mode": "code", "build_tags": True}},
        "tags": ["theirs"],
    }
    schedule = {"id": "s", "label": "sweep", "created_at": "1", **SWEEP.fields}
    given: dict[str, Any] = {"access": {"sre": "read_only"}, "schedules": [schedule]}
    return Found(pipeline=pipeline | more.pop("pipeline", {}), cluster="c", teams={"sre": "t"}, **given | more)


def fields(found: Found) -> list[str]:
    return [str(change) for change in compare(WANTED, found).changes]


def test_nothing_differs() -> None:
    """What we do not manage is the team's own; the end of a text's last line is nobody's change."""
    difference = compare(WANTED, there())

    assert (difference.action, difference.changes, difference.notes) == ("none", (), ())


def test_each_field_that_drifts_is_named() -> None:
    assert fields(there(pipeline={"default_branch": "trunk"})) == ['default_branch: "trunk" -> "main"']
    assert fields(there(pipeline={"cluster_id": None})) == ['cluster_id: nothing -> "c"']
    drifted = {"provider": {"id": "github", "settings": {"trigger_mode": "none"}}}
    assert fields(there(pipeline=drifted)) == ['provider_settings.trigger_mode: "none" -> "code"']
    assert fields(there(access={"sre": None})) == ['teams.sre: nothing -> "read_only"']
    late = {"id": "s", "label": "sweep", **SWEEP.fields, "cronline": "@daily"}
    assert fields(there(schedules=[late])) == ['schedules.sweep.cronline: "@daily" -> "@hourly"']


def test_what_is_not_there_is_all_different() -> None:
    difference = compare(WANTED, Found(pipeline=None, cluster="c", teams={"sre": "t"}))

    assert difference.action == "create"
    assert {change.found for change in difference.changes} == {None}
    assert "provider_settings.trigger_mode" in {change.field for change in difference.changes}


def test_a_setting_that_the_provider_does_not_have_is_a_note() -> None:
    """A plain git server sends no webhooks: to ask for it on every run would never end."""
    difference = compare(WANTED, there(pipeline={"provider": {"id": "git", "settings": {}}}))

    assert difference.action == "none"
    assert difference.notes == ("the provider 'git' has no setting 'trigger_mode' (wanted: \"code\")",)


def test_two_schedules_of_one_name_are_a_note() -> None:
    """The oldest is kept in order; which one is too many, a person decides."""
    older = {"id": "a", "label": "sweep", "created_at": "1", **SWEEP.fields}
    newer = {"id": "b", "label": "sweep", "created_at": "2", **SWEEP.fields, "cronline": "@daily"}

    difference = compare(WANTED, there(schedules=[newer, older]))

    assert difference.action == "none"
    assert "2 schedules called 'sweep'" in difference.notes[0]


def test_long_values_are_shortened() -> None:
    (line,) = fields(there(pipeline={"configuration": "x" * 500}))

    assert len(line) < 160
