"""Starts a systemd of a test's own, and ends it with all its processes."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.shipping.host.hosts import until
from tests.systemd import World

if TYPE_CHECKING:
    from collections.abc import Iterator

BOOT = Path(__file__).with_name("boot.sh")
# What units need by default; here they bring nothing.
TARGETS = ("basic", "shutdown", "sockets", "sysinit", "timers", "paths", "slices", "multi-user")


@contextmanager
def a_world() -> Iterator[World]:
    """Run a systemd; at the end all its processes are killed."""
    name = f"ship-{uuid4().hex[:12]}"
    cgroup = _hierarchy() / name
    _bury(cgroup.parent)
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        units = Path(folder) / "units"
        units.mkdir()
        Path(folder).chmod(0o755)
        for target in TARGETS:
            (units / f"{target}.target").write_text("[Unit]\nDefaultDependencies=no\n")
        cgroup.mkdir()
        try:
            with (Path(folder) / "log").open("wb") as log:
                # Should the test be killed, so is this.
                argv = ["setpriv", "--pdeathsig", "KILL", str(BOOT), str(cgroup), str(units)]
                started = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                yield _booted(started, units, Path(folder) / "log")
            finally:
                started.kill()
                started.wait()
        finally:
            _remove(cgroup)


def _booted(started: subprocess.Popen[bytes], units: Path, log: Path) -> World:
    found: list[World] = []

    def is_up() -> bool:
        assert started.poll() is None, f"systemd does not run here as PID 1 of its own namespaces: {log.read_text()}"
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        if not children:
            return False
        found[:] = [World(pid=int(children[0]), units=units)]
        asked = [*found[0].systemctl, "is-system-running"]
        return subprocess.run(asked, check=False, capture_output=True, text=True).stdout.strip() == "running"

    until(is_up)
    return found[0]


def _hierarchy() -> Path:
    """Return where cgroup2 is mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.split()[0] == "cgroup2":
            return Path(before.split()[4])
    raise AssertionError("cgroup2 is not mounted here: systemd needs it")


def _bury(parent: Path) -> None:
    """Remove the cgroups of those that were killed before they could."""
    for left in parent.glob("ship-*"):
        # One that systemd has not come to yet is somebody's who is about to start.
        if (left / "init.scope").exists() and "populated 0" in (left / "cgroup.events").read_text():
            _sweep(left)


def _remove(cgroup: Path) -> None:
    """Remove a cgroup with all in it, once the kernel has buried the last process."""

    def is_gone() -> bool:
        _sweep(cgroup)
        return not cgroup.exists()

    until(is_gone)


def _sweep(cgroup: Path) -> None:
    inner = sorted((one for one in cgroup.rglob("*") if one.is_dir()), reverse=True)
    for folder in (*inner, cgroup):
        with suppress(OSError):  # a process of it is not buried yet
            folder.rmdir()
