"""The copy of one transition of a lane, kept for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shipping.records import document
from shipping.records.lane import Pointer, Transition

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``pointer`` is what the lane wanted afterwards, ``reason`` all that was said.

    ``hosts`` are those counted at the transition; None where its author died before they were written down.
    """

    transition: Transition
    pointer: Pointer | None
    hosts: tuple[str, ...] | None
    reason: str

    def encode(self) -> bytes:
        return document.encode(
            SCHEMA,
            {
                "transition": self.transition.to_json(),
                "pointer": None if self.pointer is None else self.pointer.to_json(),
                "hosts": None if self.hosts is None else list(self.hosts),
                "reason": self.reason,
            },
        )

    @classmethod
    def decode(cls, body: bytes, *, where: str) -> Entry:
        """Raises Refused where it is damaged, UsageError where a newer ship wrote it."""
        return document.decode(body, cls._from_json, schema=SCHEMA, what=f"the history {where!r}")

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Entry:
        pointer, hosts = data["pointer"], data["hosts"]
        return cls(
            transition=Transition.from_json(data["transition"]),
            pointer=None if pointer is None else Pointer.from_json(pointer),
            hosts=None if hosts is None else tuple(str(host) for host in hosts),
            reason=str(data["reason"]),
        )
