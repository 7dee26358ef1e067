"""What a group prints: kept until it is forgotten, bounded, and its end told to whoever asks."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOG = "output.log"
LOG_BYTES = 16 * 1024 * 1024  # twice that, with the part before: a group that lives for weeks must not fill the disk
TAIL_BYTES = 8192


def bound(folder: Path) -> None:
    """Put the log in a folder aside where it has grown too long. Its writers append."""
    log = folder / LOG
    with contextlib.suppress(OSError):  # a full disk is not the group's fault
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".1.log"))
            os.truncate(log, 0)


def tail(folder: Path) -> str:
    """Return the end of the log in a folder, nothing where there is none."""
    path = folder / LOG
    try:
        with path.open("rb") as printed:
            printed.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return printed.read().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""
