"""Where systemd does not answer, and what is done with its unit files; what it answers is asked of a real one (`make soak`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from shipping.host.systemctl import Systemctl

if TYPE_CHECKING:
    from pathlib import Path

REFUSES = (sys.executable, "-c", "import sys; sys.exit('Failed to connect to bus')")


def test_a_systemd_that_cannot_be_asked_is_the_hosts_fault(tmp_path: Path) -> None:
    """Nobody may take groups for dead because nobody answered."""
    for command, said in ((REFUSES, "Failed to connect to bus"), (("./no-systemctl",), "No such file")):
        systemd = Systemctl(command=command, units=tmp_path)

        with pytest.raises(InfraError, match=f"could not ask systemd.*{said}"):
            systemd.show(["a.service"])


def test_what_is_refused_is_told(tmp_path: Path) -> None:
    """In systemd's own words."""
    assert Systemctl(command=REFUSES, units=tmp_path).do("start", "a.service") == "Failed to connect to bus"


def test_units_that_may_live_keep_their_files(tmp_path: Path) -> None:
    """Without an answer they are not taken for ended."""
    (tmp_path / "a.service").write_text("")

    with pytest.raises(InfraError, match="could not ask systemd"):
        Systemctl(command=REFUSES, units=tmp_path).drop("a.service")

    assert (tmp_path / "a.service").exists()


def test_systemd_reads_a_unit_again_only_where_it_is_another_one(tmp_path: Path) -> None:
    """It finds new files by itself; to read all again is slow, and everybody's."""
    systemd = Systemctl(command=REFUSES, units=tmp_path)
    systemd.write("a.service", "one")
    systemd.write("a.service", "one")

    with pytest.raises(InfraError, match="could not make systemd read"):
        systemd.write("a.service", "two")

    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.service", "two")]
