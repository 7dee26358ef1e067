"""The section `processes`: what hosts run of the slug, by the name of the process type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.config import values

if TYPE_CHECKING:
    from pipeline_gen.config.section import Section

ORDERS = ("start-first", "stop-first")
DEFAULT_DRAIN = 30.0
_PATH = re.compile(r"/[!-~]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process type: ``count`` groups of ``command`` (an argv) per host.

    ``ready`` and ``version`` are paths that a group answers on its private socket, ``drain`` the seconds it has to finish its
    work, ``boot`` (an argv) its boot check, ``order`` which of old and new goes first in a roll.
    """

    name: str
    command: tuple[str, ...]
    count: int = 1
    ready: str | None = None
    version: str | None = None
    drain: float = DEFAULT_DRAIN
    boot: tuple[str, ...] = ()
    order: str = ORDERS[0]


def parse_process(name: str, section: Section) -> Process:
    """Return one process type; what does not fit becomes a fault of the section."""
    try:
        values.name(name)
    except values.Wrong as wrong:
        section.fault("", wrong.found, wrong.allowed)
    process = Process(
        name=name,
        command=section.required("command", values.command, ()),
        count=section.optional("count", values.count, 1),
        ready=section.optional("ready", _path, None),
        version=section.optional("version", _path, None),
        drain=section.optional("drain", values.seconds, DEFAULT_DRAIN),
        boot=section.optional("boot", values.command, ()),
        order=section.optional("order", values.one_of(*ORDERS), ORDERS[0]),
    )
    section.close()
    if process.version is not None and "ready" not in section.data:
        section.fault("version", process.version, "nothing without 'ready': it is asked of a group that is ready")
    return process


def _path(value: object) -> str:
    if isinstance(value, str) and _PATH.fullmatch(value):
        return value
    raise values.Wrong(value, 'a path that the process answers, such as "/readyz"')
