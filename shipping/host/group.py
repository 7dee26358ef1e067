"""Process groups as data, and releases as a note."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shipping.host.rolls import Release
from shipping.records import process

if TYPE_CHECKING:
    from collections.abc import Mapping


# starting: its command was started, it is not known to be ready. serving: it was ready. draining: it was told to finish.
Phase = Literal["starting", "serving", "draining"]


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


def name_of(release: Release) -> str:
    """Return what groups know their release by."""
    return str(release.folder)


def write_release(release: Release) -> dict[str, Any]:
    """Return a release as a note."""
    return {"commit": release.commit, "folder": str(release.folder), "processes": process.written(release.processes)}


def read_release(note: Mapping[str, Any]) -> Release:
    """Return the release of a note."""
    return Release(commit=note["commit"], folder=Path(note["folder"]), processes=process.read(note["processes"]))
