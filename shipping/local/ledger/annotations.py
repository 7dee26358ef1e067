"""What jobs show on their build's page: one Markdown text per context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shipping.local.ledger.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    id: str
    build: str
    job: str | None
    context: str
    style: str
    body: str
    priority: int
    created_at: float
    updated_at: float


class Annotations:
    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, build: str, context: str) -> Annotation | None:
        row = self._database.row("SELECT * FROM annotations WHERE build = ? AND context = ?", build, context)
        return None if row is None else Annotation(**row)

    def put(self, annotation: Annotation) -> None:
        """Create the annotation, or replace the one of its context."""
        self._database.run(
            "INSERT INTO annotations (id, build, job, context, style, body, priority, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (build, context) DO UPDATE SET"
            " job = excluded.job, style = excluded.style, body = excluded.body,"
            " priority = excluded.priority, updated_at = excluded.updated_at",
            annotation.id,
            annotation.build,
            annotation.job,
            annotation.context,
            annotation.style,
            annotation.body,
            annotation.priority,
            annotation.created_at,
            annotation.updated_at,
        )

    def remove(self, build: str, context: str) -> bool:
        return self._database.run("DELETE FROM annotations WHERE build = ? AND context = ?", build, context) > 0

    def all(self, build: str) -> list[Annotation]:
        """Return them as a page shows them: the most important first, then in the order of creation."""
        rows = self._database.rows(
            "SELECT * FROM annotations WHERE build = ? ORDER BY priority DESC, created_at, rowid", build
        )
        return [Annotation(**row) for row in rows]
