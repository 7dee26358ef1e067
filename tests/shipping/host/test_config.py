"""A host's own file: which driver runs its process groups, and as whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_gen.errors import Faults
from shipping.host import config, running
from shipping.host.supervisor import Supervisor
from shipping.host.systemd import Systemd

LEAST = {"app": "inbox", "environment": "us", "bucket": "acme-ship-us", "folder": "/srv/inbox"}


def faults(**more: object) -> list[str]:
    """Return the paths of all that is wrong."""
    with pytest.raises(Faults) as raised:
        config.parse({**LEAST, **more}, document="host.toml")
    return [one.path for one in raised.value.faults]


def test_the_built_in_driver_is_used_where_the_file_says_nothing() -> None:
    """Or says so."""
    for more in ({}, {"driver": "built-in"}):
        assert isinstance(running.driver(config.parse({**LEAST, **more}, document="host.toml")), Supervisor)


def test_systemd_runs_groups_as_the_user_of_the_file() -> None:
    """It is asked for by name."""
    found = config.parse({**LEAST, "driver": "systemd", "user": "inbox"}, document="host.toml")

    assert (found.driver, found.user, found.folder) == ("systemd", "inbox", Path("/srv/inbox"))
    assert isinstance(running.driver(found), Systemd)


def test_a_driver_without_its_user_a_user_without_its_driver_and_names_that_are_too_long() -> None:
    """Nobody runs as root for want of a line, and no line is without effect."""
    assert faults(driver="systemd") == ["user"]
    assert faults(user="inbox") == ["user"]
    assert faults(driver="docker") == ["driver"]
    assert faults(driver="systemd", user="in box") == ["user"]
    assert faults(driver="systemd", user="inbox", app="a" * 100, environment="e" * 100) == ["app"]
