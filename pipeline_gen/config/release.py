"""How releases come to a region: the sections `release` and `regions/<name>/deploy`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.config import values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline_gen.config.section import Section

# What is filled into the words of the team's own commands; each becomes one argument, or part of one.
PLACEHOLDERS = ("slug", "commit", "region", "previous")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """A team's own way of deploying: argvs with placeholders, run in the unpacked slug."""

    command: tuple[str, ...]
    rollback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a release needs. ``before`` runs once per data region before the release goes there, in the unpacked slug."""

    before: tuple[str, ...] = ()


def parse_deploy(section: Section | None) -> Deploy | None:
    """Return how a region deploys; None where it does not."""
    if section is None:
        return None
    deploy = Deploy(
        command=section.required("command", _command, ()),
        rollback=section.optional("rollback", _command, ()),
    )
    section.close()
    return deploy


def parse_release(section: Section | None) -> Release:
    """Return the section's values."""
    if section is None:
        return Release()
    release = Release(before=section.optional("before", _command, ()))
    section.close()
    return release


def fill(argv: Sequence[str], given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command with its placeholders filled. Split before, filled after: no value becomes a word of its own."""
    return tuple(_PLACEHOLDER.sub(lambda found: given[found[1]], word) for word in argv)


def _command(value: object) -> tuple[str, ...]:
    words = values.command(value)
    for name in _PLACEHOLDER.findall(" ".join(words)):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            raise values.Wrong(f"{{{name}}}", f"a command line with no placeholders but {known}")
    return words
