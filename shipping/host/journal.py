"""What a host remembers of its way to a token, and tells the fleet of it: on disk, then in S3, again where that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.clock import rfc3339
from shipping.host import memory as memories
from shipping.host.points import ACKED_AT, KEPT_AT
from shipping.records.beacon import Beacon

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline_gen.clock import Clock
    from shipping.host.memory import Memory
    from shipping.host.points import At
    from shipping.host.reports import Reports
    from shipping.records.ack import State
    from shipping.records.beacon import Runs
    from shipping.records.lane import Token


class Journal:
    """One host's. ``memory`` is what the file holds; ``boot`` names this boot of the machine."""

    def __init__(
        self,
        file: Path,
        reports: Reports,
        *,
        host: str,
        environment: str,
        boot: str,
        clock: Clock,
        say: Callable[[str], None],
        at: At,
    ) -> None:
        self._file = file
        self._reports = reports
        self._host = host
        self._environment = environment
        self._clock = clock
        self._say = say
        self._at = at
        self._trouble = ""
        self._said = ""
        remembered = memories.load(file, boot=boot)
        self.rebooted = remembered.boot != boot
        self.memory: Memory = remembered.after_boot(boot, clock.monotonic())
        self._owe_all()

    def notice(self, lane: Token, pointer: Token | None) -> None:
        """Remember a lane's token. Raises OSError where that cannot be written: nothing may be begun then."""
        after = self.memory.saw(lane, pointer, self._clock.monotonic())
        memories.save(self._file, after)
        self.memory = after
        self._at("token-kept")

    def reach(self, state: State, why: str = "") -> None:
        """Remember a state, then tell it. What cannot be remembered is told all the same: it is true."""
        self.memory = self.memory.came(state, why)
        try:
            memories.save(self._file, self.memory)
        except OSError as error:
            self.complain(f"could not write {str(self._file)!r}: {error.strerror}")
        self._at(KEPT_AT[state])
        if self.memory.token is not None:
            self._reports.ack(self.memory.token, state)
            self.flush()
        self._at(ACKED_AT[state])

    def fail(self, why: str) -> None:
        """Remember and tell that a release was tried and cannot serve.

        Where it did not even boot, that it was tried is told after the failure: between the two a deploy would count this host
        as begun. The beacon gives the reason in the same words in this turn and in later ones.
        """
        self._trouble = why
        if "triggered" not in self.memory.reached:
            self.memory = self.memory.came("triggered")
        self.reach("failed", why)
        self._owe_all()

    def complete(self, runs: Runs) -> None:
        """Remember and tell that a release is all that serves."""
        self.memory = self.memory.serves(runs, self._clock.monotonic())
        self.reach("complete")

    def flush(self) -> None:
        """Tell what could not be told before."""
        self._reports.flush(self._clock.monotonic())

    def tell(self) -> None:
        """Tell what runs, where that is news or long ago."""
        self.flush()
        reached = self.memory.reached
        beacon = Beacon(
            host=self._host,
            environment=self._environment,
            runs=self.memory.runs,
            wanted=self.memory.token,
            reached=reached[-1] if reached else None,
            why=self._trouble or self.memory.why,
            at=rfc3339(self._clock.now()),
        )
        if self._reports.beacon(beacon, self._clock.monotonic()):
            self._at("beacon-written")

    def complain(self, line: str) -> None:
        """Say what is wrong, once as long as it is the same, and in the beacon as long as it is."""
        self._trouble = line
        if line != self._said:
            self._said = line
            self._say(line)

    def forgive(self) -> None:
        """Begin a turn in which nothing is wrong yet."""
        self._trouble = ""

    def _owe_all(self) -> None:
        """Owe every ack of the token at hand: the daemon before may have died before it told them."""
        if self.memory.token is not None:
            for state in self.memory.reached:
                self._reports.ack(self.memory.token, state)
