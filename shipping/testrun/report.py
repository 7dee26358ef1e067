"""The record of one shard's job: what it collected, what each test did, what went wrong besides. Written once, create-only."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import UsageError
from pipeline_gen.wire import canonical
from shipping.testrun.events import Result
from shipping.testrun.incident import Incident

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1
TEXT_LIMIT = 4000


def reports_prefix(plan_key: str, suite: str, shard: int | None = None) -> str:
    """Return where the reports of a suite, or of one shard of it, are kept, beside the plan."""
    prefix = f"{plan_key.removesuffix('.json')}/reports/{suite}/"
    return prefix if shard is None else f"{prefix}{shard}/"


def report_key(plan_key: str, suite: str, shard: int, *, attempt: int, job: str) -> str:
    """Return the key of a job's report."""
    return f"{reports_prefix(plan_key, suite, shard)}{attempt}-{job}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """Where the job's time went, in seconds. ``pytest`` is the tests', whatever runs them; ``ship`` is ours: all the rest."""

    setup: float = 0.0
    pytest: float = 0.0
    retry: float = 0.0
    ship: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a shard's job has to show.

    ``collected`` are the ids it was to run, repeated where pytest repeated them; ``results`` one entry per run of a test, the
    second runs in ``retried``. ``files`` are the files that were collected, with the seconds each cost by itself; ``ignored``
    were left out by the suite's own rules; ``seen`` holds every id of the files that are split. ``vanished`` are dealt ids
    that are not in their file any more. ``session_seconds`` is what the process paid once: its start, the session's fixtures.

    A suite that a command runs is reported by file: its ids are files. ``cases`` then holds the tests inside each, of the run
    that counts, with ids of file, ``::`` and whatever the runner calls them; they are for people and need not be unique.
    """

    suite: str
    shard: int
    job: str
    attempt: int
    digest: str
    collected: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    retried: tuple[Result, ...] = ()
    cases: Mapping[str, tuple[Result, ...]] = field(default_factory=dict)
    vanished: tuple[str, ...] = ()
    seen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, float] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    incident: Incident | None = None
    no_retry: str = ""
    session_seconds: float = 0.0
    versions: Mapping[str, Any] = field(default_factory=dict)
    phases: Phases = field(default_factory=Phases)

    @property
    def final(self) -> dict[str, Result]:
        """Return the result of each test that counts: its second run's, but one that was skipped then proves nothing."""
        again = (result for result in self.retried if result.outcome != "skipped")
        return {result.id: result for result in (*self.results, *again)}

    @property
    def failed(self) -> tuple[Result, ...]:
        """Return the results that failed and did not pass in their second run."""
        return tuple(result for result in self.final.values() if result.bad)

    @property
    def flaky(self) -> tuple[Result, ...]:
        """Return the first, failed results of the tests that passed in their second run."""
        final = self.final
        return tuple(result for result in self.results if result.bad and not final[result.id].bad)

    @property
    def not_run(self) -> tuple[str, ...]:
        """Return the ids that were collected and have no result."""
        final = self.final
        return tuple(test for test in dict.fromkeys(self.collected) if test not in final)

    @property
    def green(self) -> bool:
        return self.incident is None and not self.failed and not self.not_run

    @property
    def tests(self) -> tuple[Result, ...]:
        """Return the tests as people count them: those inside a file where the runner told, the file where it failed alone."""
        told: list[Result] = []
        for test, result in self.final.items():
            inside = self.cases.get(test)
            told += inside or ()
            if inside is None or (result.bad and not any(case.bad for case in inside)):
                told.append(result)
        return tuple(told)

    def counts(self) -> Counter[str]:
        """Count the tests by their last outcome."""
        return Counter(result.outcome for result in self.tests)

    def encode(self) -> bytes:
        return canonical(
            {
                "schema": SCHEMA,
                "suite": self.suite,
                "shard": self.shard,
                "job": self.job,
                "attempt": self.attempt,
                "digest": self.digest,
                "collected": list(self.collected),
                "results": [_result_to_json(result) for result in self.results],
                "retried": [_result_to_json(result) for result in self.retried],
                "cases": {file: [_result_to_json(case) for case in cases] for file, cases in self.cases.items()},
                "vanished": list(self.vanished),
                "seen": {file: list(ids) for file, ids in self.seen.items()},
                "files": {file: round(seconds, 6) for file, seconds in self.files.items()},
                "ignored": list(self.ignored),
                "incident": self.incident.to_json() if self.incident else None,
                "no_retry": self.no_retry,
                "session_seconds": round(self.session_seconds, 6),
                "versions": dict(self.versions),
                "phases": {name: round(getattr(self.phases, name), 3) for name in ("setup", "pytest", "retry", "ship")},
            }
        )

    @classmethod
    def decode(cls, body: bytes) -> Report:
        """Raises UsageError (exit 2) when a newer ship wrote it."""
        data = json.loads(body)
        if data["schema"] > SCHEMA:
            raise UsageError(
                f"cannot read a report of schema {data['schema']}: this ship knows up to {SCHEMA}",
                hint="update the ship on this agent to the one that the shards ran",
            )
        return cls(
            suite=data["suite"],
            shard=data["shard"],
            job=data["job"],
            attempt=data["attempt"],
            digest=data["digest"],
            collected=tuple(data["collected"]),
            results=tuple(_result_from_json(item) for item in data["results"]),
            retried=tuple(_result_from_json(item) for item in data["retried"]),
            cases={
                file: tuple(_result_from_json(case) for case in cases) for file, cases in data.get("cases", {}).items()
            },
            vanished=tuple(data["vanished"]),
            seen={file: tuple(ids) for file, ids in data["seen"].items()},
            files=data["files"],
            ignored=tuple(data["ignored"]),
            incident=Incident.from_json(data["incident"]) if data["incident"] else None,
            no_retry=data["no_retry"],
            session_seconds=data["session_seconds"],
            versions=data["versions"],
            phases=Phases(**{name: data["phases"].get(name, 0.0) for name in ("setup", "pytest", "retry", "ship")}),
        )


def _result_to_json(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = {"id": result.id, "outcome": result.outcome, "seconds": round(result.seconds, 6)}
    if result.text:
        told["text"] = result.text[-TEXT_LIMIT:]
    return told


def _result_from_json(data: Mapping[str, Any]) -> Result:
    return Result(id=data["id"], outcome=data["outcome"], seconds=data["seconds"], text=data.get("text", ""))
