"""Who would have been told of a build, at Buildkite: written down in place of messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.local.engine.records import Notification

if TYPE_CHECKING:
    from shipping.local.ledger.database import Database


class Notifications:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, one: Notification) -> None:
        self._database.run(
            "INSERT INTO notifications (build, step, event, channel, message, at) VALUES (?, ?, ?, ?, ?, ?)",
            one.build,
            one.step,
            one.event,
            one.channel,
            one.message,
            one.at,
        )

    def of_build(self, build: str) -> list[Notification]:
        """Return a build's notifications, its steps' too, in the order in which they would have been sent."""
        query = "SELECT build, step, event, channel, message, at FROM notifications WHERE build = ? ORDER BY rowid"
        return [Notification(**row) for row in self._database.rows(query, build)]
