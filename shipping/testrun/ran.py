"""What running a part of a suite shows, whatever ran it: the one shape between the runners and a shard's report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline_gen.config import Suite
    from pipeline_gen.suites.parts import Part
    from shipping.testrun.events import Result
    from shipping.testrun.incident import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run of a part. ``seconds`` is how long it took; the rest is as a `Report` has it."""

    seconds: float
    collected: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    cases: Mapping[str, tuple[Result, ...]] = field(default_factory=dict)
    vanished: tuple[str, ...] = ()
    seen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, float] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    incident: Incident | None = None
    session_seconds: float = 0.0
    versions: Mapping[str, Any] = field(default_factory=dict)


class PartRunner(Protocol):
    """Runs parts of one suite. Both calls raise UsageError where the suite is wrongly set up, InfraError where the world is."""

    @property
    def suite(self) -> Suite: ...

    @property
    def say(self) -> Callable[[str], None]: ...

    def set_up(self) -> float:
        """Do what the suite needs once per job; return seconds."""
        ...

    def run_part(self, part: Part, *, name: str) -> Ran:
        """Run a part in fresh processes. ``name`` tells its files from those of other runs in one job."""
        ...
