"""The clearance: that a release may run in production. Deploys demand it; nothing else makes a slug selectable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Refused
from shipping.records import document

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """One release's. ``config`` is the app's configuration as the release was planned with it, for jobs without a checkout.

    ``evidence`` are the keys of the verdicts it rests on, in the home bucket.
    """

    app: str
    commit: str
    position: int
    slug: str
    config: Mapping[str, Any]
    evidence: tuple[str, ...] = ()

    def encode(self) -> bytes:
        return document.encode(
            SCHEMA,
            {
                "app": self.app,
                "commit": self.commit,
                "position": self.position,
                "slug": self.slug,
                "config": dict(self.config),
                "evidence": list(self.evidence),
            },
        )

    @classmethod
    def decode(cls, body: bytes, *, app: str, commit: str, where: str) -> Clearance:
        """Read the clearance of this release. Raises Refused where it is damaged or another's, UsageError if a newer ship's."""
        found = document.decode(body, cls._from_json, schema=SCHEMA, what=f"the clearance {where!r}")
        if (found.app, found.commit) != (app, commit):
            raise Refused(
                f"cannot use the clearance {where!r}: it is of commit {found.commit[:12]!r} of {found.app!r}",
            )
        return found

    @classmethod
    def _from_json(cls, data: Mapping[str, Any]) -> Clearance:
        return cls(
            app=str(data["app"]),
            commit=str(data["commit"]),
            position=int(data["position"]),
            slug=str(data["slug"]),
            config=dict(data["config"]),
            evidence=tuple(str(one) for one in data.get("evidence", ())),
        )
