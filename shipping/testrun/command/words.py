"""The words of a suite's command for one run. They were split when the configuration was read; what is filled in is never."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.config.runners import FILE, FILES, JUNIT, PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Sequence


def runs_per_file(command: Sequence[str]) -> bool:
    """True where the command runs one file at a time, False where it takes all files of the part."""
    return FILES not in command


def fill(command: Sequence[str], *, files: Sequence[str], junit: str) -> list[str]:
    """Return the argv: ``{files}`` becomes one argument each, the others are replaced where they stand, once."""
    values = {JUNIT: junit, FILE: files[0]}
    filled: list[str] = []
    for word in command:
        if word == FILES:
            filled += files
        else:
            filled.append(PLACEHOLDER.sub(lambda found: values[found[0]], word))
    return filled
