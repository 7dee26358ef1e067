"""The hosts of an environment that are in service now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline_gen.config import Fleet


class Inventory(Protocol):
    """Who knows the hosts."""

    def hosts(self) -> frozenset[str]:
        """Return the names of the hosts in service, as their daemons have them. Raises InfraError, UsageError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Hosts that the configuration names: always in service."""

    names: tuple[str, ...]

    def hosts(self) -> frozenset[str]:
        return frozenset(self.names)


def open_inventory(fleet: Fleet, tagged: Callable[[str, str], Inventory]) -> Inventory:
    """Return who knows a fleet's hosts. ``tagged`` opens the inventory of a tag's key and value."""
    return Listed(names=fleet.hosts) if fleet.tag is None else tagged(*fleet.tag)
