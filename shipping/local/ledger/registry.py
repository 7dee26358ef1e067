"""What REST keeps beside builds: clusters, queues, teams, schedules, tokens and settings, as small JSON documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.local.ledger.database import Database

Kind = Literal["access_token", "agent_token", "cluster", "queue", "schedule", "settings", "team", "team_pipeline"]


class Registry:
    """Documents by kind and id. ``parent`` is what they belong to, and go with: a cluster, a team, a pipeline slug."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, kind: Kind, name: str, document: Mapping[str, Any], *, parent: str = "") -> None:
        self._database.run(
            "INSERT INTO registry (kind, id, parent, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
            kind,
            name,
            parent,
            json.dumps(document),
        )

    def get(self, kind: Kind, name: str, *, parent: str | None = None) -> dict[str, Any] | None:
        """Return the document, None if there is none, or none of this parent."""
        row = self._database.row("SELECT parent, body FROM registry WHERE kind = ? AND id = ?", kind, name)
        if row is None or (parent is not None and row["parent"] != parent):
            return None
        found: dict[str, Any] = json.loads(row["body"])
        return found

    def all(self, kind: Kind, *, parent: str = "") -> list[dict[str, Any]]:
        """Return the documents of a parent, oldest first."""
        rows = self._database.rows(
            "SELECT body FROM registry WHERE kind = ? AND parent = ? ORDER BY rowid", kind, parent
        )
        return [json.loads(row["body"]) for row in rows]

    def remove(self, kind: Kind, name: str) -> None:
        """Remove the document with everything that belongs to it."""
        with self._database.transaction():
            self._database.run("DELETE FROM registry WHERE kind = ? AND id = ?", kind, name)
            self._database.run("DELETE FROM registry WHERE parent = ?", name)

    def forget_pipeline(self, slug: str, pipeline: str) -> None:
        """Remove a pipeline's settings, its schedules, and its place in teams."""
        with self._database.transaction():
            self._database.run("DELETE FROM registry WHERE kind = 'settings' AND id = ?", slug)
            self._database.run("DELETE FROM registry WHERE kind = 'schedule' AND parent = ?", slug)
            self._database.run("DELETE FROM registry WHERE kind = 'team_pipeline' AND id LIKE ?", f"%/{pipeline}")
