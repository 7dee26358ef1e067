"""What an environment will probably be told to run next. A hint: hosts fetch it beforehand, and never run it for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shipping.records import document

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """The newest published release. ``position`` keeps a slow publisher from naming an older one."""

    commit: str
    slug: str
    position: int

    def encode(self) -> bytes:
        return document.encode(SCHEMA, {"commit": self.commit, "slug": self.slug, "position": self.position})

    @classmethod
    def decode(cls, body: bytes, *, where: str) -> Following:
        """Raises Refused where it is damaged, UsageError where a newer ship wrote it."""
        return document.decode(body, cls._from_json, schema=SCHEMA, what=f"the hint {where!r}")

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Following:
        return cls(commit=str(data["commit"]), slug=str(data["slug"]), position=int(data["position"]))
