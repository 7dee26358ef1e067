"""The test plan as data: what each shard runs, and what was predicted. Made once by the generator, handed on by digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one shard runs.

    A test file is named by its path from the repository's root, a test by its id: that path, ``::`` and pytest's own rest.
    ``files`` are run whole. Of a file in ``dealt`` only the ids named there are run. Of a file in ``remainder`` everything is
    run but the ids named there, which were dealt to other parts; one part only holds a split file's remainder, so ids that
    appear after planning are run once. ``seconds`` is the predicted time.
    """

    files: tuple[str, ...] = ()
    dealt: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    remainder: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def touched(self) -> tuple[str, ...]:
        """Return every file this part must collect from, in order, once each."""
        return tuple(sorted({*self.files, *self.dealt, *self.remainder}))

    def to_json(self) -> dict[str, Any]:
        return {
            "files": list(self.files),
            "dealt": {file: list(ids) for file, ids in self.dealt.items()},
            "remainder": {file: list(ids) for file, ids in self.remainder.items()},
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Part:
        return cls(
            files=tuple(data["files"]),
            dealt={file: tuple(ids) for file, ids in data["dealt"].items()},
            remainder={file: tuple(ids) for file, ids in data["remainder"].items()},
            seconds=float(data["seconds"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A test that alone takes longer than the target: no number of shards helps."""

    test: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {"test": self.test, "seconds": round(self.seconds, 3)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPlan:
    """All parts of one suite in one build.

    ``unknown`` counts the files without a recorded duration; ``left_out`` names the files that selection left out, and
    ``shadow_left_out`` those that it would have left out, had it not only been watched.
    """

    __test__ = False  # pytest collects what is called Test*

    suite: str
    target: float
    parts: tuple[Part, ...]
    unknown: int = 0
    floor: Floor | None = None
    left_out: tuple[str, ...] = ()
    shadow_left_out: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Return every file of the plan, once each."""
        return tuple(sorted({file for part in self.parts for file in part.touched}))

    @property
    def makespan(self) -> float:
        """Return the longest part's predicted seconds."""
        return max((part.seconds for part in self.parts), default=0.0)

    def to_json(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "target": self.target,
            "parts": [part.to_json() for part in self.parts],
            "unknown": self.unknown,
            "floor": self.floor.to_json() if self.floor else None,
            "left_out": list(self.left_out),
            "shadow_left_out": list(self.shadow_left_out),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TestPlan:
        floor = data.get("floor")
        return cls(
            suite=data["suite"],
            target=float(data["target"]),
            parts=tuple(Part.from_json(part) for part in data["parts"]),
            unknown=int(data.get("unknown", 0)),
            floor=Floor(test=floor["test"], seconds=float(floor["seconds"])) if floor else None,
            left_out=tuple(data.get("left_out", ())),
            shadow_left_out=tuple(data.get("shadow_left_out", ())),
        )
