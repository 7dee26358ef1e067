"""What a pipeline's settings must be: the ones that we manage, by the names that the REST API gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_gen.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What definitions decide from. ``repository`` is the URL that agents clone."""

    config: Config
    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Builds by the clock. The label is how one is found again."""

    label: str
    cronline: str
    message: str
    branch: str
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        return {
            "cronline": self.cronline,
            "message": self.message,
            "commit": "HEAD",
            "branch": self.branch,
            "env": dict(self.env),
            "enabled": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """A pipeline as it must be. What is not named here is the team's own, and is left as it is.

    ``cluster`` is a name, ``teams`` maps slugs to access levels: their ids are looked up. ``provider`` are the settings of
    the source control provider; providers differ in which they have.
    """

    slug: str
    settings: Mapping[str, Any]
    provider: Mapping[str, Any] = field(default_factory=dict)
    cluster: str | None = None
    teams: Mapping[str, str] = field(default_factory=dict)
    schedules: tuple[Schedule, ...] = ()
