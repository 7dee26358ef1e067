"""The whole ledger, opened: its rooms share one database and its transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.local.engine.commands import AnyCommand, Forget, ForgetPipeline, Note, Notify, Put, SetMetaData
from shipping.local.engine.environment import pipeline_id
from shipping.local.ledger.annotations import Annotations
from shipping.local.ledger.artifacts import Artifacts
from shipping.local.ledger.database import Database
from shipping.local.ledger.logs import Logs
from shipping.local.ledger.metadata import MetaData
from shipping.local.ledger.notifications import Notifications
from shipping.local.ledger.pipelines import Pipelines, Settings
from shipping.local.ledger.records import Records
from shipping.local.ledger.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from shipping.local.engine.records import State


class Ledger:
    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.records = Records(self.database)
        self.settings = Settings(self.database)
        self.pipelines = Pipelines(self.database)
        self.meta_data = MetaData(self.database)
        self.annotations = Annotations(self.database)
        self.artifacts = Artifacts(self.database)
        self.logs = Logs(self.database)
        self.registry = Registry(self.database)
        self.notifications = Notifications(self.database)

    def carry_out(self, commands: Iterable[AnyCommand], state: State) -> None:
        """Do what the engine asks, all in one transaction. ``state`` is the one after the event."""
        with self.database.transaction():
            for command in commands:
                match command:
                    case Put(record=record):
                        self.records.put(record)
                    case SetMetaData(build=build, key=key, value=value):
                        self.meta_data.set(build, {key: value})
                    case Note(job=job, text=text):
                        self.logs.note(state.home[job], job, text)
                    case Notify(notification=notification):
                        self.notifications.add(notification)
                    case Forget(build=build):
                        self.records.forget(build)
                    case ForgetPipeline(slug=slug):
                        self.pipelines.remove(slug)
                        self.registry.forget_pipeline(slug, pipeline_id(slug))

    def close(self) -> None:
        self.database.close()
