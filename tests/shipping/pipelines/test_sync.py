"""Making a real (local) Buildkite's pipelines as they must be, over HTTP."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import ManualClock
from pipeline_gen.errors import Faults, InfraError, Refused, ShipError, UsageError
from shipping.buildkite.organization import Organization
from shipping.buildkite.rest import Rest
from shipping.pipelines.definitions import desired
from shipping.pipelines.desired import Desired, Schedule
from shipping.pipelines.local import lacking, make_room, without
from shipping.pipelines.sync import sync
from tests.shipping.buildkite.serving import Answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.local.control import ControlInfo
    from shipping.pipelines.desired import Context
    from shipping.pipelines.difference import Difference

TEAMS = {"sre": "manage_build_and_read", "engineers": "build_and_read"}


@pytest.fixture
def wanted(context: Callable[..., Context], organization: Organization) -> tuple[Desired, ...]:
    """A pipeline with everything that one can have, and an organization that has room for it."""
    (app,) = desired(context(cluster="main", teams=TEAMS, queues={"plan": "uploaders"}))
    sweep = Schedule(label="sweep", cronline="@hourly", message="Sweep", branch="main", env={"A": "1"})
    pipelines = (Desired(**{name: getattr(app, name) for name in app.__slots__} | {"schedules": (sweep,)}),)
    make_room(organization, lacking(organization, pipelines, ("default",)))
    return pipelines


def actions(differences: list[Difference]) -> list[str]:
    return [difference.action for difference in differences]


def test_the_second_run_changes_nothing(organization: Organization, wanted: tuple[Desired, ...]) -> None:
    """Everything is told before the first call that changes something."""
    told: list[bool] = []

    def show(_: Difference) -> None:
        told.append(organization.pipeline("inbox") is None)

    assert actions(sync(organization, wanted, act=True, show=show)) == ["create"]
    assert told == [True]
    (second,) = sync(organization, wanted, act=True)
    assert (second.action, second.notes) == ("none", ())
    made = organization.pipeline("inbox")
    assert made is not None
    assert made["cluster_id"] == organization.clusters()[0]["id"]
    assert made["provider"]["settings"]["skip_builds_for_existing_commits"] is False
    assert [one["cronline"] for one in organization.schedules("inbox")] == ["@hourly"]
    levels = {team["slug"]: organization.access(team["id"], made["id"]) for team in organization.teams()}
    assert levels == TEAMS


def test_a_provider_is_set_once_it_is_known_what_it_has(organization: Organization) -> None:
    """A new pipeline is made first, then told what its provider can be told: all in one run."""
    settings = {"repository": "git@git.example:acme/inbox.git", "configuration": "steps: [{command: x}]"}
    ops = (Desired(slug="inbox-ops", settings=settings, provider={"trigger_mode": "none", "unheard_of": True}),)

    sync(organization, ops, act=True)

    (again,) = sync(organization, ops, act=False)
    assert (again.action, len(again.notes)) == ("none", 1)
    made = organization.pipeline("inbox-ops")
    assert made is not None
    assert made["provider"]["settings"]["trigger_mode"] == "none"


def test_a_dry_run_changes_nothing(organization: Organization, wanted: tuple[Desired, ...]) -> None:
    (difference,) = sync(organization, wanted, act=False)

    assert difference.action == "create"
    assert organization.pipeline("inbox") is None


def test_drift_is_named_and_mended_and_the_teams_own_settings_stay(
    organization: Organization, wanted: tuple[Desired, ...]
) -> None:
    """One field of each kind; what is not ours is not touched."""
    sync(organization, wanted, act=True)
    made = organization.pipeline("inbox")
    assert made is not None
    organization.update_pipeline(
        "inbox",
        {
            "skip_queued_branch_builds_filter": "*",
            "cluster_id": None,
            "tags": ["ours"],
            "description": "ours",
            "provider_settings": {"trigger_mode": "none", "build_tags": True},
        },
    )
    sre = next(team["id"] for team in organization.teams() if team["slug"] == "sre")
    organization.change_access(sre, made["id"], "read_only")
    (schedule,) = organization.schedules("inbox")
    organization.update_schedule("inbox", schedule["id"], {"enabled": False})

    (difference,) = sync(organization, wanted, act=True)

    assert sorted(change.field for change in difference.changes) == [
        "cluster_id",
        "provider_settings.trigger_mode",
        "schedules.sweep.enabled",
        "skip_queued_branch_builds_filter",
        "teams.sre",
    ]
    assert actions(sync(organization, wanted, act=False)) == ["none"]
    mended = organization.pipeline("inbox")
    assert mended is not None
    assert (mended["tags"], mended["description"]) == (["ours"], "ours")
    assert mended["provider"]["settings"]["build_tags"] is True


def test_half_done_is_done_by_the_next_run(organization: Organization, wanted: tuple[Desired, ...]) -> None:
    """A run that died after creating the bare pipeline: no teams, no schedules, no provider settings."""
    settings = {name: wanted[0].settings[name] for name in ("repository", "configuration")}
    organization.create_pipeline({"name": "inbox", **settings})

    assert actions(sync(organization, wanted, act=True)) == ["update"]
    assert actions(sync(organization, wanted, act=False)) == ["none"]


def test_two_runs_at_once_make_one_pipeline(
    control: ControlInfo, organization: Organization, wanted: tuple[Desired, ...]
) -> None:
    """Both look, both see nothing, both create: the slower one finds the other's and goes on from there."""
    both_have_looked = threading.Barrier(2, timeout=20)
    failures: list[BaseException] = []

    def meet(_: Difference) -> None:
        both_have_looked.wait()

    def run() -> None:
        rest = Rest(control.api_token, base_url=f"{control.url}/v2/")
        try:
            sync(Organization(rest, control.organization), wanted, act=True, show=meet)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            rest.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(list(organization.rest.listed("organizations/local/pipelines"))) == 1
    assert actions(sync(organization, wanted, act=False)) == ["none"]


def test_names_that_nothing_has_are_told_all_at_once(
    organization: Organization, context: Callable[..., Context]
) -> None:
    organization.create_cluster("main")

    with pytest.raises(Faults) as told:
        sync(organization, desired(context(cluster="mian", teams={"sre": "read_only"})), act=True)

    assert [fault.path for fault in told.value.faults] == ["buildkite/cluster", "buildkite/teams/sre"]
    assert "did you mean 'main'?" in str(told.value)
    assert organization.pipeline("inbox") is None


def test_an_archived_pipeline_is_left_to_a_person(organization: Organization, context: Callable[..., Context]) -> None:
    sync(organization, desired(context()), act=True)
    organization.rest.pipelines().archive_pipeline(organization.slug, "inbox")

    with pytest.raises(Refused, match="it is archived"):
        sync(organization, desired(context()), act=True)


def test_a_token_that_lacks_a_scope_is_told_which(control: ControlInfo, context: Callable[..., Context]) -> None:
    """One line with the scope by name; nothing is changed."""
    own = Rest(control.api_token, base_url=f"{control.url}/v2/")
    cases = {"read_pipelines": ("write_pipelines", ()), "write_pipelines": ("read_pipelines", ())}
    for has, (lacks, buildkite) in cases.items():
        token = own.call("POST", "access-token", {"description": "x", "scopes": [has]})["token"]
        rest = Rest(token, base_url=f"{control.url}/v2/")
        with pytest.raises(UsageError) as told:
            sync(Organization(rest, "local"), desired(context(**dict(buildkite))), act=True)
        rest.close()
        assert f"the scope {lacks}" in (told.value.hint or "")
        assert token not in str(told.value)
    assert own.pipelines().list_pipelines("local") == []
    own.close()


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, {"message": "Authentication required"}, UsageError, "export BUILDKITE_API_TOKEN"),
        (403, {"message": "Forbidden"}, UsageError, "the scope write_pipelines"),
        (404, {"message": "No organization found"}, Refused, "check its name and the organization's"),
        (
            422,
            {"message": "Validation Failed", "errors": [{"field": "repository", "code": "can't be blank"}]},
            Refused,
            "Validation Failed (repository: can't be blank)",
        ),
        (429, {"message": "You have exceeded your API rate limit."}, InfraError, "try again in a minute"),
        (500, {"message": "oops"}, InfraError, "could not POST"),
    ],
)
def test_a_refusal_is_one_clear_line_with_its_fix(
    context: Callable[..., Context], status: int, body: dict[str, object], kind: type[ShipError], said: str
) -> None:
    """Whatever Buildkite answers to the call that creates."""
    with serving() as served:
        absent = Answer(status=404, body={"message": "No pipeline found"})
        # Looked for, the organization checked, refused; looked for once more after a 422.
        served.answers = [absent, Answer(body=[]), *[Answer(status=status, body=body)] * 5, absent]
        rest = Rest("token", base_url=f"{served.url}/v2", clock=ManualClock())
        with pytest.raises(kind) as told:
            sync(Organization(rest, "acme"), desired(context()), act=True)
        rest.close()

    assert said in str(told.value)
    assert told.value.message.count("\n") == 0
    assert [asked.method for asked in served.asked][2] == "POST"


def test_a_value_that_does_not_stay_is_told(context: Callable[..., Context]) -> None:
    """An organization's rule may put it back: without a word, every run would change it again."""
    pipeline = {"id": "p", "provider": {"id": "git", "settings": {}}, "default_branch": "trunk"}
    with serving() as served:
        served.answers = [Answer(body=pipeline)]
        rest = Rest("token", base_url=f"{served.url}/v2", clock=ManualClock())
        with pytest.raises(Refused, match='default_branch: "trunk" -> "main"'):
            sync(Organization(rest, "acme"), desired(context()), act=True)
        rest.close()


def test_a_local_buildkite_is_given_what_the_real_one_has(
    organization: Organization, context: Callable[..., Context]
) -> None:
    """Cluster, queues, teams; what is there stays, and a dry run compares without what is lacking."""
    pipelines = desired(context(cluster="main", teams=TEAMS))
    organization.create_queue(organization.create_cluster("main")["id"], "default")
    lacks = lacking(organization, pipelines, ("default", "tests"))

    assert str(lacks) == "queue 'tests', team 'engineers', team 'sre'"
    (difference,) = sync(organization, without(pipelines, lacks), act=False)
    assert [change.field for change in difference.changes if "team" in change.field] == []
    make_room(organization, lacks)
    assert str(lacking(organization, pipelines, ("default", "tests"))) == ""
    assert actions(sync(organization, pipelines, act=True)) == ["create"]
