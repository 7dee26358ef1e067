"""The control plane: the state as it stands, and the one way to change it."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.local.engine.commands import StartTriggered
from shipping.local.engine.events import Restarted, Ticked
from shipping.local.engine.machine import step
from shipping.local.server.live import Live, changed
from shipping.local.server.tokens import Tokens

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_gen.clock import Clock
    from pipeline_gen.shell import Shell
    from shipping.local.engine.environment import Site
    from shipping.local.engine.events import Event
    from shipping.local.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often agents call (whole seconds: their API knows no less), and how long one may be silent."""

    ping: int = 1
    heartbeat: int = 5
    job_status: int = 1
    lost_after: float = 20.0
    tick: float = 0.5


class Plane:
    """Lives on one thread: an event is decided, committed and visible before the next one is looked at."""

    def __init__(self, *, ledger: Ledger, site: Site, folder: Path, clock: Clock, shell: Shell, pace: Pace) -> None:
        self.ledger = ledger
        self.site = site
        self.folder = folder
        self.clock = clock
        self.shell = shell
        self.pace = pace
        self.tokens = Tokens.of(ledger.settings)
        self.triggering = asyncio.Event()
        """Set when a trigger job asks for its build."""
        self.live = Live()
        self.state = ledger.records.load()
        self.apply(Restarted(at=self.now()))

    def now(self) -> float:
        return self.clock.now().timestamp()

    def apply(self, event: Event) -> None:
        """Decide, commit, show, then tell. Raises Rejection, or what the ledger raises: then nothing has changed."""
        state, commands = step(self.state, event)
        if commands:
            self.ledger.carry_out(commands, state)
        self.state = state
        if commands:
            self.live.tell(*changed(commands))
        if any(isinstance(command, StartTriggered) for command in commands):
            self.triggering.set()

    def pipelines(self) -> tuple[str, ...]:
        """Return the slugs of the pipelines there are."""
        return tuple(one.slug for one in self.ledger.pipelines.all())

    def tick(self) -> None:
        self.apply(Ticked(at=self.now(), lost_after=self.pace.lost_after))

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @staticmethod
    def draw_id() -> str:
        return str(uuid.uuid4())
