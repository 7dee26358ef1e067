"""What a suite's runner asks of the rest of its keys: pytest finds and imports by itself, a command must be told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline_gen.config.section import Section

PYTEST, COMMAND = "pytest", "command"
RUNNERS = (PYTEST, COMMAND)

# What is filled into a command's words: one test file, all files of the part, where the JUnit report must be written.
FILE, FILES, JUNIT = "{file}", "{files}", "{junit}"
PLACEHOLDER = re.compile(r"\{[a-z_]+\}")

_OF_PYTEST = ("python", "paths", "always", "everything_when")
_OF_COMMAND = ("command", "files")


def check_runner(section: Section, runner: str, command: Sequence[str]) -> None:
    """Report the keys that belong to another runner, those that this one lacks, and placeholders that cannot be filled."""
    foreign, owner = (_OF_PYTEST, PYTEST) if runner == COMMAND else (_OF_COMMAND, COMMAND)
    for key in foreign:
        if key in section.data:
            section.fault(key, section.data[key], f"nothing: this key belongs to runner: {owner}")
    if runner != COMMAND:
        return
    for key in _OF_COMMAND:
        if key not in section.data:
            section.fault(key, None, "this key is required by runner: command")
    if section.data.get("select", "off") != "off":
        allowed = "off: what a change can break is known for runner: pytest only"
        section.fault("select", section.data["select"], allowed)
    if command:
        _check_placeholders(section, command)


def _check_placeholders(section: Section, command: Sequence[str]) -> None:
    found = [name for word in command for name in PLACEHOLDER.findall(word)]
    unknown = [name for name in found if name not in (FILE, FILES, JUNIT)]
    if unknown:
        section.fault("command", unknown[0], f"{FILE}, {FILES} and {JUNIT} are what can be filled in")
    if JUNIT not in found:
        section.fault("command", " ".join(command), f"a command with {JUNIT}: where it must write its report")
    if (FILE in found) == (FILES in found):
        allowed = f"a command with {FILE} (run once per file) or {FILES} (run once per part), one of them"
        section.fault("command", " ".join(command), allowed)
    if FILES in found and FILES not in command:
        section.fault("command", FILES, f"{FILES} as a word of its own: it becomes one argument per file")
