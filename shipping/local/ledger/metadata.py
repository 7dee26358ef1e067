"""A build's meta-data: the last write of a key wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.local.ledger.database import Database


class MetaData:
    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, build: str, items: Mapping[str, str]) -> None:
        """Write all items, or none."""
        with self._database.transaction():
            for key, value in items.items():
                self._database.run(
                    "INSERT INTO meta_data (build, key, value) VALUES (?, ?, ?)"
                    " ON CONFLICT (build, key) DO UPDATE SET value = excluded.value",
                    build,
                    key,
                    value,
                )

    def get(self, build: str, key: str) -> str | None:
        row = self._database.row("SELECT value FROM meta_data WHERE build = ? AND key = ?", build, key)
        return None if row is None else str(row["value"])

    def all(self, build: str) -> dict[str, str]:
        rows = self._database.rows("SELECT key, value FROM meta_data WHERE build = ? ORDER BY key", build)
        return {row["key"]: row["value"] for row in rows}
