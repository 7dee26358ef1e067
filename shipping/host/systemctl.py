"""Speaks to systemd by its own command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PATIENCE = 150.0
"""Seconds: longer than anything that systemd itself gives up."""
SHOWN = ("Id", "LoadState", "ActiveState", "ExecMainCode", "ExecMainStatus", "Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Systemctl:
    """``command`` is how systemctl is called, ``units`` the folder that unit files are written to."""

    command: tuple[str, ...] = ("systemctl",)
    units: Path

    def do(self, verb: str, *words: str) -> str:
        """Do it; return why it was not done, or nothing. Raises InfraError where systemd does not answer."""
        done = self._run(verb, *words)
        return "" if done.returncode == 0 else (done.stderr.strip() or f"exit status {done.returncode}")

    def show(self, units: Sequence[str]) -> dict[str, Mapping[str, str]]:
        """Return what systemd says of each unit. Raises InfraError where it does not answer."""
        if not units:
            return {}
        done = self._run("show", f"--property={','.join(SHOWN)}", *units)
        blocks = [
            dict(line.partition("=")[::2] for line in block.splitlines())
            for block in done.stdout.split("\n\n")
            if block
        ]
        if len(blocks) != len(units):
            raise InfraError(f"could not ask systemd for {units[0]!r}: {done.stderr.strip() or done.stdout.strip()}")
        return dict(zip(units, blocks, strict=True))

    def write(self, unit: str, text: str) -> None:
        """Write a unit file; it is there whole or not at all, and read by systemd where the old one was."""
        file = self.units / unit
        if file.exists() and file.read_text(encoding="utf-8") == text:
            return
        known = file.exists()
        beside = file.with_name(f".new-{unit}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
        if known and (why := self.do("daemon-reload")):
            raise InfraError(f"could not make systemd read {str(file)!r}: {why}")

    def drop(self, *units: str) -> None:
        """End units at once, and take their files away."""
        self.do("stop", *units)
        self.do("reset-failed", *units)
        living = [unit for unit, said in self.show(units).items() if said["ActiveState"] not in {"inactive", "failed"}]
        if living:
            raise InfraError(
                f"could not stop {living[0]!r}: systemd says it is {self.show(living)[living[0]]['ActiveState']!r}"
            )
        for unit in units:
            (self.units / unit).unlink(missing_ok=True)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [*self.command, *words]
        try:
            return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=PATIENCE)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InfraError(f"could not ask systemd: {error}") from error
