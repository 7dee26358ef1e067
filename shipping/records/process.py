"""What a host runs of a slug: its process types, as the manifest carries them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Order = Literal["start-first", "stop-first"]

# It becomes part of unit names and of paths on hosts.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessType:
    """One kind of process: ``count`` groups of ``command`` (an argv) per host.

    ``ready`` is the path that answers 200 once a group can serve, ``version`` the path that answers its commit; None where
    it is not asked. ``drain`` is how many seconds a group may take to finish its work. ``boot`` (an argv, empty: none) is run
    once before a release is rolled out, and refuses it by its exit status. ``order`` says which of old and new goes first.
    """

    name: str
    command: tuple[str, ...]
    count: int = 1
    ready: str | None = None
    version: str | None = None
    drain: float = 30.0
    boot: tuple[str, ...] = ()
    order: Order = "start-first"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "command": list(self.command), "boot": list(self.boot)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProcessType:
        """Raises ValueError, KeyError or TypeError where it is not a process type; ignores fields it does not know."""
        if not _NAME.fullmatch(data["name"]):
            raise ValueError(f"process type {data['name']!r}")
        command, count, drain, order = data["command"], data["count"], data["drain"], data["order"]
        if not _argv(command) or not command:
            raise ValueError(f"command of process type {data['name']!r}")
        if type(count) is not int or count < 1:
            raise ValueError(f"count {count!r}")
        if type(drain) not in {int, float} or not 0 < drain < float("inf"):
            raise ValueError(f"drain {drain!r}")
        if order not in get_args(Order):
            raise ValueError(f"order {order!r}")
        if not _argv(data["boot"]):
            raise ValueError(f"boot of process type {data['name']!r}")
        return cls(
            name=data["name"],
            command=tuple(command),
            count=count,
            ready=_path(data["ready"]),
            version=_path(data["version"]),
            drain=float(drain),
            boot=tuple(data["boot"]),
            order=order,
        )


def written(types: Iterable[ProcessType]) -> dict[str, Any]:
    """Return them as a manifest carries them: by name."""
    return {one.name: one.to_json() for one in types}


def read(processes: Mapping[str, Any]) -> tuple[ProcessType, ...]:
    """Return the process types of a manifest, by name. Raises ValueError, KeyError or TypeError."""
    found = tuple(ProcessType.from_json(processes[name]) for name in sorted(processes))
    if [one.name for one in found] != sorted(processes):
        raise ValueError("a process type under another's name")
    return found


def _argv(words: object) -> bool:
    return isinstance(words, list) and all(isinstance(word, str) and "\0" not in word for word in words)


def _path(found: object) -> str | None:
    if found is None or (isinstance(found, str) and found.startswith("/")):
        return found
    raise ValueError(f"path {found!r}")
