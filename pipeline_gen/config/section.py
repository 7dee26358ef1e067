"""One mapping of the document, read key by key, with every fault collected on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pipeline_gen.config.values import Wrong, shown
from pipeline_gen.errors import Fault, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

LATER = "nothing yet: this version of ship does not do it"


class Section:
    """Reads the keys of a mapping at ``path`` into typed values.

    A value that does not parse becomes a fault, and reading goes on with the fallback. `close` reports every key that
    nobody asked for.
    """

    def __init__(self, value: object, path: str, faults: list[Fault]) -> None:
        self.path = path
        self.faults = faults
        self._asked: set[str] = set()
        self._later: set[str] = set()
        self.data: Mapping[Any, Any] = {}
        if isinstance(value, dict):
            self.data = value
        else:
            self.fault("", value, "a mapping of keys to values")

    def required(self, key: str, parse: Callable[[object], T], fallback: T) -> T:
        if key not in self.data:
            self._asked.add(key)
            self.faults.append(Fault(path=self.at(key), found="nothing", allowed="this key is required"))
            return fallback
        return self.optional(key, parse, fallback)

    def optional(self, key: str, parse: Callable[[object], T], default: T) -> T:
        self._asked.add(key)
        if key not in self.data:
            return default
        try:
            return parse(self.data[key])
        except Wrong as wrong:
            self.fault(key, wrong.found, wrong.allowed)
            return default

    def section(self, key: str) -> Section | None:
        """Return the mapping under ``key`` as a section of its own, None where it is absent."""
        self._asked.add(key)
        return Section(self.data[key], self.at(key), self.faults) if key in self.data else None

    def named(self, key: str) -> list[tuple[str, Section]]:
        """Return the sections of a mapping whose keys are names of the team's own."""
        outer = self.section(key)
        if outer is None:
            return []
        return [(str(name), Section(value, outer.at(str(name)), self.faults)) for name, value in outer.data.items()]

    def listed(self, key: str) -> list[Section]:
        """Return the sections of a list of mappings."""
        self._asked.add(key)
        value = self.data.get(key, [])
        if not isinstance(value, list):
            self.fault(key, value, "a list of mappings")
            return []
        return [Section(item, f"{self.at(key)}/{index}", self.faults) for index, item in enumerate(value)]

    def later(self, *keys: str) -> None:
        """Name keys that the design knows and this version refuses."""
        self._later.update(keys)

    def fault(self, key: str, found: object, allowed: str) -> None:
        self.faults.append(Fault(path=self.at(key), found=shown(found), allowed=allowed))

    def at(self, key: str) -> str:
        return "/".join(part for part in (self.path, key) if part) or "(the document)"

    def close(self) -> None:
        """Report unknown keys, each with the nearest known one."""
        for key in self.data:
            name = str(key)
            if name in self._later:
                self.faults.append(Fault(path=self.at(name), found=f"the key {name!r}", allowed=LATER))
            elif name not in self._asked:
                known = ", ".join(sorted(self._asked))
                self.faults.append(
                    Fault(
                        path=self.at(name),
                        found=f"the key {name!r}",
                        allowed=f"{known}{nearest(name, self._asked)}",
                    )
                )
