"""Why a step, a suite or a test file is in the build or out of it: one record for log, skip text, page and `explain`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``rule`` names the rule, ``evidence`` what it matched.

    ``subject`` is a step key, ``suite:NAME``, a test file, or a changed path that selects nothing.
    """

    subject: str
    included: bool
    rule: str
    evidence: str

    def __str__(self) -> str:
        return f"{'run ' if self.included else 'skip'}  {self.subject}: {self.rule} ({self.evidence})"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Decision:
        return cls(**{key: data[key] for key in ("subject", "included", "rule", "evidence")})
