"""The engine's state: every record as a row of JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shipping.local.engine.records import Agent, Build, Job, Record, State, Step
from shipping.local.ledger.codec import decode, encode

if TYPE_CHECKING:
    from shipping.local.ledger.database import Database

KINDS: dict[str, type[Record]] = {"build": Build, "step": Step, "job": Job, "agent": Agent}
NAMES = {kind: name for name, kind in KINDS.items()}
OF_BUILD = ("records", "meta_data", "annotations", "artifacts", "log_chunks", "log_notes", "notifications")


class Records:
    """Puts records, forgets builds, loads it all after a restart."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, record: Record) -> None:
        build = record.id if isinstance(record, Build) else None if isinstance(record, Agent) else record.build
        self._database.run(
            "INSERT INTO records (kind, id, build, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            NAMES[type(record)],
            record.id,
            build,
            encode(record),
        )

    def forget(self, build: str) -> None:
        for table in OF_BUILD:
            self._database.run(f"DELETE FROM {table} WHERE build = ?", build)  # noqa: S608 - names from the list above

    def load(self) -> State:
        """Return the state as it was last committed. Builds stand in the order of their creation."""
        found: dict[type[Record], list[Record]] = {kind: [] for kind in KINDS.values()}
        for row in self._database.rows("SELECT kind, body FROM records ORDER BY rowid"):
            kind = KINDS[row["kind"]]
            found[kind].append(decode(kind, row["body"]))
        builds = {one.id: one for one in found[Build] if isinstance(one, Build)}
        steps: dict[str, dict[str, Step]] = {build: {} for build in builds}
        jobs: dict[str, dict[str, Job]] = {build: {} for build in builds}
        for step in found[Step]:
            if isinstance(step, Step):
                steps[step.build][step.id] = step
        for job in sorted((one for one in found[Job] if isinstance(one, Job)), key=lambda one: one.place):
            jobs[job.build][job.id] = job
        home = {job_id: build for build, own in jobs.items() for job_id in own}
        agents = {one.id: one for one in found[Agent] if isinstance(one, Agent)}
        return replace(State(), builds=builds, steps=steps, jobs=jobs, home=home, agents=agents)
