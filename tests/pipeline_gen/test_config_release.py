"""The sections `release` and `regions/<name>/deploy`."""

from __future__ import annotations

import json

from pipeline_gen.config import Config, Deploy, Region, Release, from_resolved, parse, resolved
from pipeline_gen.config.release import fill

SLUG = {"layers": {"app": {"keep": ["inbox"]}}}


def read(**sections: object) -> tuple[Config, list[str]]:
    faults: list[object] = []
    config = parse({"app": "inbox", "bucket": "ship-us", "slug": SLUG, **sections}, faults)  # type: ignore[arg-type]
    return config, [str(fault) for fault in faults]


def test_a_region_deploys_by_the_teams_own_command() -> None:
    """It is split here, as a shell would, and survives the way through a record."""
    regions = {
        "us": {
            "bucket": "ship-us",
            "deploy": {"command": "bin/deploy 'a b' {slug}", "rollback": "bin/back {previous}"},
        },
        "eu": {"bucket": "ship-eu"},
    }

    config, faults = read(regions=regions, release={"before": "bin/migrate"})

    assert faults == []
    assert config.release == Release(before=("bin/migrate",))
    assert config.regions == (
        Region(
            name="us",
            bucket="ship-us",
            deploy=Deploy(command=("bin/deploy", "a b", "{slug}"), rollback=("bin/back", "{previous}")),
        ),
        Region(name="eu", bucket="ship-eu"),
    )
    assert [region.name for region in config.deploying] == ["us"]
    assert from_resolved(json.loads(json.dumps(resolved(config)))) == config


def test_a_record_of_an_older_ship_has_no_deploys() -> None:
    data = resolved(read(regions={"us": {"bucket": "ship-us"}})[0])
    del data["release"], data["regions"][0]["deploy"]

    assert from_resolved(data).deploying == ()


def test_what_cannot_be_filled_in_and_what_is_not_known_is_a_fault() -> None:
    """All at once, each by its path."""
    _, faults = read(
        regions={"us": {"bucket": "ship-us", "deploy": {"comand": "x", "rollback": "back {host}"}, "fleet": {}}},
        release={"before": "", "after": "x"},
    )

    text = "\n".join(faults)
    assert "regions/us/deploy/command: found nothing, allowed: this key is required" in text
    assert "did you mean 'command'?" in text
    assert "regions/us/deploy/rollback: found '{host}'" in text
    assert "{slug}, {commit}, {region}, {previous}" in text
    assert "regions/us/fleet" in text
    assert "release/before: found ''" in text
    assert "release/after" in text


def test_nothing_is_deployed_without_a_slug() -> None:
    _, faults = read(slug={}, suites=[{"name": "unit"}])
    assert faults

    faults_found: list[object] = []
    parse(
        {"app": "a", "suites": [{"name": "u"}], "regions": {"us": {"bucket": "abc", "deploy": {"command": "x"}}}},
        faults_found,  # type: ignore[arg-type]
    )
    assert "regions/us/deploy" in str(faults_found[0])


def test_a_value_stays_one_argument() -> None:
    """No shell, no second split: whatever a value holds."""
    given = {"slug": "s", "commit": "a b; rm -rf /", "region": "us", "previous": ""}

    found = fill(("deploy", "--to={commit}", "{previous}", '{"json": 1}', "{slug}-{region}"), given)

    assert found == ("deploy", "--to=a b; rm -rf /", "", '{"json": 1}', "s-us")
