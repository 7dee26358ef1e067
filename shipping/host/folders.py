"""Notes and folders on disk that are there whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

UNFINISHED = ".new-"
GONE = ".gone-"


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Replace a note. A reader sees the old one or this one."""
    beside = path.with_name(f"{UNFINISHED}{path.name}")
    beside.write_text(json.dumps(note, sort_keys=True), encoding="utf-8")
    beside.replace(path)


def read_note(path: Path) -> dict[str, Any] | None:
    """Return a note, None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found if isinstance(found, dict) else None


def make_folder(path: Path, notes: Mapping[str, Mapping[str, Any]]) -> None:
    """Make a folder with its notes in it, at once. Raises OSError where it exists."""
    beside = path.with_name(f"{UNFINISHED}{path.name}")
    beside.mkdir(parents=True, mode=0o700)
    for name, note in notes.items():
        write_note(beside / name, note)
    os.rename(beside, path)  # noqa: PTH104 - fails where a folder with notes is, Path.replace says the same less clearly


def remove_folder(path: Path) -> None:
    """Take a folder away at once; what it held is deleted after."""
    shutil.rmtree(put_away(path), ignore_errors=True)


def put_away(path: Path) -> Path:
    """Take a folder away at once, and return where what it held is."""
    gone = path.with_name(f"{GONE}{path.name}")
    path.rename(gone)
    return gone


def write_secret(path: Path, text: str) -> None:
    """Write a file that only we can read."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)


def sweep(parent: Path) -> None:
    """Delete what a killed process left half made or half deleted."""
    for entry in parent.iterdir() if parent.is_dir() else ():
        if entry.name.startswith((UNFINISHED, GONE)) and entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
