"""The definitions of pipelines, and the few settings that must be the same after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.local.engine.records import Pipeline
from shipping.local.ledger.codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.local.ledger.database import Database


class Pipelines:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, pipeline: Pipeline) -> None:
        self._database.run(
            "INSERT INTO pipelines (slug, body) VALUES (?, ?) ON CONFLICT (slug) DO UPDATE SET body = excluded.body",
            pipeline.slug,
            encode(pipeline),
        )

    def get(self, slug: str) -> Pipeline | None:
        row = self._database.row("SELECT body FROM pipelines WHERE slug = ?", slug)
        return None if row is None else _pipeline(row["body"])

    def all(self) -> list[Pipeline]:
        return [_pipeline(row["body"]) for row in self._database.rows("SELECT body FROM pipelines ORDER BY rowid")]

    def remove(self, slug: str) -> None:
        self._database.run("DELETE FROM pipelines WHERE slug = ?", slug)


class Settings:
    """Values drawn once and kept: tokens, the secret that signs job tokens, the port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> str | None:
        row = self._database.row("SELECT value FROM settings WHERE name = ?", name)
        return None if row is None else str(row["value"])

    def put(self, name: str, value: str) -> None:
        self._database.run(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            value,
        )

    def drawn(self, name: str, draw: Callable[[], str]) -> str:
        """Return the value, drawn and kept if there is none yet."""
        found = self.get(name)
        if found is None:
            found = draw()
            self.put(name, found)
        return found


def _pipeline(body: str) -> Pipeline:
    pipeline = decode(Pipeline, body)
    if not isinstance(pipeline, Pipeline):
        raise TypeError(body)
    return pipeline
