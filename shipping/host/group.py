"""Releases and process groups as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shipping.records import process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.records.process import ProcessType

# starting: its command was started, it is not known to be ready. serving: it was ready. draining: it was told to finish.
Phase = Literal["starting", "serving", "draining"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release on this host: its commit, the folder it was unpacked to (its identity here), what it runs."""

    commit: str
    folder: Path
    processes: tuple[ProcessType, ...]

    @property
    def name(self) -> str:
        return str(self.folder)

    def process(self, name: str) -> ProcessType | None:
        return next((one for one in self.processes if one.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return {"commit": self.commit, "folder": str(self.folder), "processes": process.written(self.processes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Release:
        return cls(commit=data["commit"], folder=Path(data["folder"]), processes=process.read(data["processes"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One process group that was started on this host.

    ``release`` is the name of its release, ``successor`` the name of the release for which it drains. ``port`` is its
    private one on loopback, None where its type is not asked whether it is ready.
    """

    id: str
    process: str
    slot: int
    release: str
    phase: Phase = "starting"
    alive: bool = True
    successor: str | None = None
    port: int | None = None

    @property
    def place(self) -> tuple[str, int]:
        return self.process, self.slot
