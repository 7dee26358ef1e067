"""The committed launcher, run by a real bash, as far as it gets without installing anything (tests/e2e installs)."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import UsageError
from pipeline_gen.version import version
from shipping.launcher import LAUNCHER, LOCK, MODE, launcher, lock_of

if TYPE_CHECKING:
    from pathlib import Path

NO_LOCK = "which says what to install"


@dataclass(kw_only=True)
class Checkout:
    """A repository with the launcher, pinned to 0.3.1, and an agent whose PATH has a folder of this test's own first."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{self.root / 'bin'}:/usr/bin:/bin", "SHIP_CACHE": str(self.root / "cache"), **self.env}
        given = {name: value for name, value in env.items() if value}
        argv = [str(self.root / LAUNCHER), *arguments]
        return subprocess.run(argv, env=given, cwd=self.root, capture_output=True, text=True, check=False, timeout=60)

    def program(self, name: str, text: str) -> None:
        path = self.root / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def lock(self) -> None:
        (self.root / LOCK).write_text("buildkite-ship==0.3.1 --hash=sha256:" + "0" * 64 + "\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    path = tmp_path / LAUNCHER
    path.parent.mkdir()
    path.write_text(launcher("0.3.1"))
    path.chmod(MODE)
    return Checkout(root=tmp_path)


@pytest.mark.parametrize(
    ("found", "used"),
    [
        ("ship, version 0.3.1", True),
        ("ship, version 0.3.2", True),
        ("ship, version 0.3.10", True),
        ("ship, version 0.3.08", True),
        ("ship, version 0.3.0", False),
        ("ship, version 0.4.1", False),
        ("ship, version 1.3.1", False),
        ("ship, version 0.3.2rc1", False),
        ("ship 0.3.1, the logistics tool", False),
        ("", False),
    ],
)
def test_the_agents_ship_runs_if_it_is_of_the_minor_and_not_older(checkout: Checkout, found: str, used: bool) -> None:  # noqa: FBT001
    """Its arguments, output and exit status are its own; one that does not fit is named, and why."""
    checkout.program("ship", f'[ "$1" = --version ] && echo "{found}" && exit 0; echo "ran: $*"; exit 7')

    done = checkout.run("job", "a b", "*")

    if used:
        assert (done.returncode, done.stdout) == (7, "ran: job a b *\n")
        assert done.stderr == f"ship: {found.removeprefix('ship, version ')} of this agent ({checkout.root}/bin/ship)\n"
    else:
        assert (done.returncode, done.stdout) == (2, "")
        assert f"bin/ship is not used: it is {found}, and this repository wants 0.3.1 or newer" in done.stderr


def test_a_ship_that_fails_to_say_its_version_is_passed_over(checkout: Checkout) -> None:
    checkout.program("ship", "exit 1")

    done = checkout.run("job")

    assert (done.returncode, NO_LOCK in done.stderr) == (2, True)


def test_a_launcher_on_path_does_not_call_itself_for_ever(checkout: Checkout) -> None:
    """Some put `.buildkite` on PATH."""
    checkout.env["PATH"] = f"{checkout.root / '.buildkite'}:/usr/bin:/bin"

    done = checkout.run("--version")

    assert (done.returncode, NO_LOCK in done.stderr) == (2, True)


def test_an_agent_without_a_python_that_is_new_enough(checkout: Checkout) -> None:
    """Says what there is and what to do."""
    checkout.lock()
    checkout.program("old", '[ "$1" = -c ] && echo 3.6.8 && exit 0; exit 1')
    checkout.env["SHIP_PYTHON"] = str(checkout.root / "bin" / "old")

    old = checkout.run("--version")
    checkout.env["SHIP_PYTHON"] = "nowhere"
    none = checkout.run("--version")

    assert old.returncode == none.returncode == 2
    assert f"cannot find Python 3.11 or newer: {checkout.root}/bin/old is 3.6.8\nhint: " in old.stderr
    assert "cannot find Python 3.11 or newer: nowhere is not there\nhint: " in none.stderr


def test_a_python_without_venv(checkout: Checkout) -> None:
    """As Debian has it: the hint names the package. Nothing is left behind."""
    checkout.lock()
    complaint = "The virtual environment was not created successfully because ensurepip is not available."
    checkout.program("bare", f'[ "$3" = venv ] && echo "{complaint}" && exit 1; exec {sys.executable} "$@"')
    checkout.env["SHIP_PYTHON"] = str(checkout.root / "bin" / "bare")

    done = checkout.run("--version")

    assert done.returncode == 2
    assert "ensurepip is not available" in done.stderr
    assert "apt-get install python3-venv" in done.stderr
    assert [path.suffix for path in (checkout.root / "cache").iterdir()] == [".lock"]


def test_a_full_disk_may_have_room_at_the_next_try(checkout: Checkout) -> None:
    """Infrastructure, not the agent's set-up."""
    checkout.lock()
    complaint = "OSError: [Errno 28] No space left on device"
    checkout.program("full", f'[ "$3" = venv ] && echo "{complaint}" >&2 && exit 1; exec {sys.executable} "$@"')
    checkout.env["SHIP_PYTHON"] = str(checkout.root / "bin" / "full")

    done = checkout.run("--version")

    assert (done.returncode, done.stderr) == (3, f"ship: could not make a virtual environment: {complaint}\n")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SHIP_CACHE": ""}, "cannot find a place for the cache: HOME is not set"),
        ({"SHIP_WHEELS": "/nowhere"}, "cannot find the folder SHIP_WHEELS=/nowhere"),
        ({"SHIP_CACHE": "/proc/none"}, "cannot write to the cache /proc/none"),
    ],
)
def test_folders_that_cannot_be_used(checkout: Checkout, env: dict[str, str], said: str) -> None:
    checkout.lock()
    checkout.env |= {"SHIP_PYTHON": sys.executable, **env}

    done = checkout.run("--version")

    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"ship: {said}")


def test_the_launcher_is_pinned_to_this_version_unless_another_is_named() -> None:
    assert f'readonly PINNED="{version()}"\n' in launcher()
    assert 'readonly PINNED="1.2.3"\n' in launcher("1.2.3")
    with pytest.raises(UsageError, match="is no version"):
        launcher('1"; rm -rf /')


def test_a_lock_names_every_wheel_of_a_house_by_hash(tmp_path: Path) -> None:
    """In the order of their names, one hash per platform."""
    for name in (
        "Zope.Thing-2.0-py3-none-any.whl",
        "buildkite_ship-0.1.0-py3-none-any.whl",
        "fast-1.0-cp311-cp311-linux_x86_64.whl",
        "fast-1.0-cp312-cp312-linux_x86_64.whl",
    ):
        (tmp_path / name).write_bytes(name.encode())

    lines = [line for line in lock_of(tmp_path).splitlines() if not line.startswith("#")]

    assert [line.split()[0].split(":")[0] for line in lines] == [
        *("zope-thing==2.0", "--hash=sha256", "buildkite-ship==0.1.0", "--hash=sha256"),
        *("fast==1.0", "--hash=sha256", "--hash=sha256"),
    ]
    assert len({line for line in lines if "--hash" in line}) == 4


def test_a_house_that_cannot_be_locked(tmp_path: Path) -> None:
    """Without ship, or with two versions of something: pip could not know which."""
    with pytest.raises(UsageError, match="buildkite-ship is not among them"):
        lock_of(tmp_path)
    for name in ("buildkite_ship-0.1.0-py3-none-any.whl", "a-1-py3-none-any.whl", "a-2-py3-none-any.whl"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"more than one version of a \(1, 2\)"):
        lock_of(tmp_path)
