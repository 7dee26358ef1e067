"""Whose groups are in a folder: a driver does not touch those of another, which may run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import UsageError
from shipping.host.folders import read_note, write_note
from shipping.host.noted import BUILT_IN, SYSTEMD, Noted
from tests.shipping.host.hosts import WEB

if TYPE_CHECKING:
    from pathlib import Path

from shipping.host.rolls import Release


def opened(folder: Path, driver: str) -> Noted:
    noted = Noted(folder, driver=driver)
    noted.open()
    return noted


def a_group(noted: Noted) -> None:
    release = Release(commit="one", folder=noted.folder / "one", processes=(WEB,))
    noted.make("web-0", release, WEB, 0, port=None)


def test_a_folder_with_groups_is_refused_to_another_driver(tmp_path: Path) -> None:
    """It would take them for dead, and their sockets for free."""
    noted = opened(tmp_path, BUILT_IN)
    a_group(noted)
    noted.close()

    with pytest.raises(UsageError, match="groups of 'built-in' are there"):
        opened(tmp_path, SYSTEMD)
    opened(tmp_path, BUILT_IN).close()


def test_groups_of_before_there_were_two_drivers_are_the_built_in_ones(tmp_path: Path) -> None:
    """A host that is updated says nothing of its driver."""
    noted = opened(tmp_path, BUILT_IN)
    a_group(noted)
    noted.close()
    (tmp_path / "driver.json").unlink()

    with pytest.raises(UsageError, match="groups of 'built-in' are there"):
        opened(tmp_path, SYSTEMD)


def test_a_folder_without_groups_and_one_of_an_earlier_boot_are_taken_over(tmp_path: Path) -> None:
    """Nothing of another driver can run there."""
    opened(tmp_path, BUILT_IN).close()
    noted = opened(tmp_path, SYSTEMD)
    a_group(noted)
    noted.close()
    write_note(tmp_path / "driver.json", {"driver": SYSTEMD, "boot": "another"})

    opened(tmp_path, BUILT_IN).close()

    note = read_note(tmp_path / "driver.json")
    assert note is not None
    assert note["driver"] == BUILT_IN
