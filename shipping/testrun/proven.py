"""A finished build whose tests were proven, read back from what its jobs kept as artifacts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import InfraError, Refused
from pipeline_gen.plan import StoredPlan, digest
from shipping.testrun.report import Report, report_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from pipeline_gen.plan import Plan

    class Kept(Protocol):
        """A build's artifacts by key."""

        number: int

        def keys(self, prefix: str) -> list[str]: ...
        def get(self, key: str) -> bytes | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A build with a green proof: its plan, and of each suite the reports that counted."""

    number: int
    plan: Plan
    reports: Mapping[str, tuple[Report, ...]]


def newest_proof(kept: Kept, app: str) -> dict[str, Any] | None:
    """Return the app's proof that counts, the one of the last attempt; None where the build has none."""
    found = [key for key in kept.keys(f"{app}/plans/") if "/proof/" in key]
    if not found:
        return None
    body = kept.get(max(found, key=_attempt))
    proof: dict[str, Any] | None = json.loads(body) if body is not None else None
    return proof


def read_proven(kept: Kept, proof: Mapping[str, Any], suites: tuple[str, ...]) -> Proven:
    """Read the plan and the counted reports of these suites, of all where none is named.

    Raises Refused where the proof is not green or lacks a suite, InfraError where an artifact is gone.
    """
    if proof["verdict"] != "PASS":
        raise Refused(f"cannot learn from build {kept.number}: its tests are not proven")
    plan = StoredPlan.decode(_must(kept, proof["plan"])).plan
    if digest(plan) != proof["digest"]:
        raise Refused(f"cannot learn from build {kept.number}: its proof is of another plan than {proof['plan']!r}")
    proven = {one["suite"]: one for one in proof["suites"]}
    lacking = [suite for suite in suites if suite not in proven]
    if lacking:
        raise Refused(f"cannot find the suite {lacking[0]!r} in build {kept.number}, which has {', '.join(proven)}")
    return Proven(
        number=kept.number,
        plan=plan,
        reports={suite: _reports(kept, plan.key, proven[suite]) for suite in suites or tuple(proven)},
    )


def _reports(kept: Kept, plan_key: str, proof: Mapping[str, Any]) -> tuple[Report, ...]:
    found = []
    for shard, counted in proof["attempts"].items():
        attempt, _, job = counted.partition("-")
        key = report_key(plan_key, proof["suite"], int(shard), attempt=int(attempt), job=job)
        found.append(Report.decode(_must(kept, key)))
    return tuple(found)


def _must(kept: Kept, key: str) -> bytes:
    body = kept.get(key)
    if body is None:
        raise InfraError(
            f"could not find {key!r} among the artifacts of build {kept.number}",
            hint="Buildkite keeps artifacts for six months: name a newer build with --build",
        )
    return body


def _attempt(key: str) -> int:
    return int(key.rpartition("/")[2].partition("-")[0])
