"""The hosts as the world tells of them, in the file by which it tells what it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FACTS = "world.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningHost:
    """A host of the world: ``addresses`` by process type, ``pid`` of its daemon (None between its end and its restart).

    ``folder`` is the daemon's own.
    """

    app: str
    region: str
    name: str
    addresses: Mapping[str, str]
    folder: Path
    pid: int | None


def published(state: Path) -> tuple[RunningHost, ...]:
    """Return the hosts of the world that runs in a state folder; none where none runs."""
    try:
        facts = json.loads((state / FACTS).read_text())
    except (FileNotFoundError, ValueError):
        return ()
    return tuple(RunningHost(**{**host, "folder": Path(host["folder"])}) for host in facts.get("hosts", ()))
