"""The plan of a build: what the generator decided, stored once, and handed to every job by key and digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_gen.config import from_resolved
from pipeline_gen.decisions import Decision
from pipeline_gen.errors import Refused, UsageError
from pipeline_gen.suites.parts import TestPlan
from pipeline_gen.version import version
from pipeline_gen.wire import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_gen.config import Config
    from pipeline_gen.ports import Store

SCHEMA = 1


def plan_key(app: str, build: str, step: str, name: str | None = None) -> str:
    """Return the key of the plan that the generator's step (by its id) made in a build (by its id).

    In a bucket the first plan under that key is the only one. Where nothing is create-only, each plan lies under its
    digest (``name``), and the step that was uploaded first says which one counts.
    """
    return f"{app}/plans/{build}/{step}.json" if name is None else f"{app}/plans/{build}/{step}/{name}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a job needs to know of the build. ``base`` is the commit that changes are taken from, None on first builds.

    ``position`` orders releases and exists on the main branch only. ``source`` is the configuration as resolved data.
    """

    app: str
    build: str
    step: str
    commit: str
    branch: str
    main: bool
    base: str | None
    position: int | None
    source: Mapping[str, Any]
    decisions: tuple[Decision, ...]
    suites: Mapping[str, TestPlan]

    @property
    def key(self) -> str:
        return plan_key(self.app, self.build, self.step, None if self.source.get("bucket") else digest(self))

    def to_json(self) -> dict[str, Any]:
        return {
            "app": self.app,
            "build": self.build,
            "step": self.step,
            "commit": self.commit,
            "branch": self.branch,
            "main": self.main,
            "base": self.base,
            "position": self.position,
            "config": self.source,
            "decisions": [decision.to_json() for decision in self.decisions],
            "suites": {name: suite.to_json() for name, suite in self.suites.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        return cls(
            app=data["app"],
            build=data["build"],
            step=data["step"],
            commit=data["commit"],
            branch=data["branch"],
            main=data["main"],
            base=data["base"],
            position=data["position"],
            source=data["config"],
            decisions=tuple(Decision.from_json(item) for item in data["decisions"]),
            suites={name: TestPlan.from_json(item) for name, item in data["suites"].items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """The document under the plan's key: the plan, and the pipeline rendered from it, in the chunks that are uploaded.

    ``ship`` is the version that made it, for those who cannot read it.
    """

    plan: Plan
    pipeline: tuple[Mapping[str, Any], ...]
    ship: str = ""

    def encode(self) -> bytes:
        body = {"schema": SCHEMA, "ship": self.ship, "plan": self.plan.to_json(), "pipeline": list(self.pipeline)}
        return canonical(body)

    @classmethod
    def decode(cls, body: bytes) -> StoredPlan:
        """Raises UsageError (exit 2) when a newer ship wrote it."""
        data = json.loads(body)
        maker = data.get("ship") or ""
        if data["schema"] > SCHEMA:
            raise _made_by_a_newer(data["schema"], maker)
        return cls(plan=Plan.from_json(data["plan"]), pipeline=tuple(data["pipeline"]), ship=maker)


def _made_by_a_newer(schema: int, maker: str) -> UsageError:
    """Return what to tell an agent whose ship is older than the generator's."""
    wanted = repr(maker) if maker else "of the generator"
    return UsageError(
        f"cannot read a plan of schema {schema}, made by ship {wanted}: this ship is {version()!r}"
        f" and knows up to {SCHEMA}",
        hint="bake that ship into this agent too, or call it by the committed launcher .buildkite/ship, which brings its own",
    )


def digest(plan: Plan) -> str:
    """Return the SHA-256 of the plan's canonical JSON, by which the steps name it."""
    return hashlib.sha256(canonical(plan.to_json())).hexdigest()


def read_plan(store: Store, key: str, wanted: str) -> Plan:
    """Fetch the plan a step names. Raises Refused where it is missing or is not the plan that was uploaded."""
    stored = store.get(key)
    if stored is None:
        raise Refused(f"cannot find the plan {key!r}", hint="retry the step that ran: ship pipeline upload")
    plan = StoredPlan.decode(stored.body).plan
    found = digest(plan)
    if found != wanted:
        raise Refused(f"cannot use the plan {key!r}: its digest is {found[:12]!r}, the step names {wanted[:12]!r}")
    return plan


def config_of(plan: Plan) -> Config:
    """Return the configuration the plan was made with."""
    return from_resolved(plan.source)
