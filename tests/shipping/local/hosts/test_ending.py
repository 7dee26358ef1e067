"""Nothing of a host is left running, whatever became of its daemon, of its notes, of its keepers. Real processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shipping.host.folders import read_note
from shipping.host.group_keeper import KEEPER
from shipping.local.hosts.ending import RUN, end_all, keepers
from shipping.local.hosts.running import running
from shipping.local.processes import table
from shipping.local.world.folder import Folder
from shipping.local.world.sweep import sweep
from tests.shipping.local.hosts.site import open_site

if TYPE_CHECKING:
    from collections.abc import Callable

# Of this test run only: others may run on the machine.
SLEEP = ("sleep", f"600.{os.getpid()}")


def sleepers() -> set[int]:
    wanted = "\0".join(SLEEP).encode()
    found = set()
    for pid in table():
        with contextlib.suppress(OSError):
            found |= {pid} if wanted in Path(f"/proc/{pid}/cmdline").read_bytes() else set()
    return found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        time.sleep(0.01)


def test_the_groups_of_all_hosts_are_ended(tmp_path: Path) -> None:
    """With all that they started; the count is of those that lived."""
    with open_site(tmp_path, "us-1") as one, open_site(tmp_path, "us-2") as two:
        one.start(*SLEEP)
        two.start("sh", "-c", f"env -i setsid {' '.join(SLEEP)} & exec {' '.join(SLEEP)}")
        until(lambda: len(sleepers()) >= 3)

        assert end_all(tmp_path) == 2

        assert sleepers() == set()
        assert running(two.place.srv).groups == ()
        assert end_all(tmp_path) == 0


def test_a_group_is_found_though_its_notes_are_gone(tmp_path: Path) -> None:
    """Somebody removed the folder: its keeper says in its argv whose it is, and what it keeps dies with it."""
    with open_site(tmp_path) as site:
        site.start(*SLEEP)
        until(lambda: bool(sleepers()))
        shutil.rmtree(site.place.srv / RUN)
        assert keepers(tmp_path / "elsewhere", table()) == set()

        assert sweep(Folder(tmp_path)) == 1

        until(lambda: not sleepers())


def test_what_a_killed_keeper_has_left_is_ended(tmp_path: Path) -> None:
    """The kernel kills the command with it, not what the command started."""
    with open_site(tmp_path) as site:
        group = site.start("sh", "-c", f"setsid {' '.join(SLEEP)} & wait")
        until(lambda: bool(sleepers()))
        note = read_note(site.place.srv / RUN / "groups" / group / KEEPER)
        assert note is not None
        os.kill(note["pid"], signal.SIGKILL)
        until(lambda: running(site.place.srv).groups[0].phase == "ended")

        end_all(tmp_path)

        until(lambda: not sleepers())
