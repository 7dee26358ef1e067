"""The loop of a host: read the lane, do what `decide` says, remember it, tell it.

Every turn begins with what is on disk and what runs, so that a turn which was cut off at any line is gone on with by the next
one, of this daemon or of the one after it. A lane that cannot be read changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pipeline_gen.errors import Refused, ShipError
from shipping.host import pace
from shipping.host.decide import Disk, Fetch, Mend, Notice, Refuse, Roll, Running, Wait, decide, otherwise
from shipping.host.journal import Journal
from shipping.host.points import nowhere
from shipping.host.rolls import Rolled
from shipping.records.beacon import Runs
from shipping.slug.fetch import NoRoom

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline_gen.clock import Clock
    from shipping.host.decide import Action, Host
    from shipping.host.memory import Memory
    from shipping.host.points import At
    from shipping.host.reading import Reading
    from shipping.host.releases import Releases
    from shipping.host.reports import Reports
    from shipping.host.rolls import Rolls
    from shipping.records.lane import Pointer

REFUSED_AGAIN = 300.0
NO_ROOM_AGAIN = 60.0
AWAY_AGAIN = 10.0
START_AGAIN = 30.0
LEAST = 0.01
STEPS = 16
"""Actions in one turn. More would mean that they do not change what they are decided by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a daemon is made of. ``chance`` gives 0 to 1; ``boot`` names this boot of the machine."""

    app: str
    environment: str
    host: Host
    reading: Reading
    releases: Releases
    reports: Reports
    rolls: Rolls
    memory: Path
    boot: str
    clock: Clock
    chance: Callable[[], float]
    say: Callable[[str], None]
    poll: float = pace.POLL
    at: At = nowhere


class Daemon:
    """One host's. `turn` never sleeps: whoever calls it waits as long as it says."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading = parts.reading
        self._journal = Journal(
            parts.memory,
            parts.reports,
            host=parts.host.name,
            environment=parts.environment,
            boot=parts.boot,
            clock=parts.clock,
            say=parts.say,
            at=parts.at,
        )
        parts.releases.recover(rebooted=self._journal.rebooted)
        self._read_at = float("-inf")
        self._fresh = False
        self._turns = 0
        self._later: dict[str, float] = {}
        self._admitted: Pointer | None = None

    def begin(self) -> float:
        """Return the seconds until the first turn."""
        return pace.first(self._parts.poll, self._parts.chance())

    def turn(self) -> float:
        """Do what is to be done now. Return the seconds until the next turn."""
        self._journal.forgive()
        begun = self._now
        try:
            self._read(hint=self._turns % pace.HINT_EVERY == 0)
            self._turns += 1
            self._act()
            self._journal.tell()
        except OSError as error:  # our own few bytes could not be written: nothing was begun
            self._journal.complain(f"could not write in {str(self._parts.memory.parent)!r}: {error.strerror}")
        return self._pause(begun)

    def _read(self, *, hint: bool = False) -> bool:
        """Read the lane. False: it could not be read, and nobody may act on the old one."""
        self._fresh = False
        try:
            self._reading.read_lane()
            if hint:
                self._reading.read_hint()
        except ShipError as error:
            self._journal.complain(error.message)
            return False
        self._read_at = self._now
        self._fresh = True
        self._parts.at("lane-read")
        return True

    # -- acting --------------------------------------------------------------------------------------------------------

    def _act(self) -> None:
        for _ in range(STEPS):
            actions = self._decided()
            if not any(self._do(action) for action in actions):
                break
            self._fresh = False
        else:
            raise RuntimeError(f"{STEPS} actions in one turn, the last: {actions!r}")
        if not any(isinstance(action, Roll | Wait) for action in actions):
            self._tidy()

    def _decided(self) -> tuple[Action, ...]:
        disk = Disk(
            memory=self._memory,
            kept=self._parts.releases.kept(),
            following=self._reading.following,
            later=self._later,
        )
        running = self._running(disk)
        if self._reading.lane is None:
            return otherwise(disk, running, self._now)
        return decide(self._reading.lane, disk, running, self._now, host=self._parts.host)

    def _running(self, disk: Disk) -> Running:
        living = self._parts.rolls.living()
        known = [self._parts.releases.known(one.folder) for one in living if one.serves]
        runs = disk.memory.runs
        whole = runs is None or (
            runs.slug in disk.kept and self._parts.rolls.whole(self._parts.releases.release(runs.commit, runs.slug))
        )
        return Running(commits=frozenset(one[0] for one in known if one is not None), whole=whole)

    def _do(self, action: Action) -> bool:
        """Do one action. True: the world is another one now, decide again."""
        match action:
            case Refuse():
                self._journal.complain(f"refused: {action.why}")
            case Notice():
                return self._notice(action)
            case Fetch():
                return self._fetch(action)
            case Roll():
                return self._roll(action.pointer)
            case Mend():
                return self._mend(action.runs)
            case Wait():
                pass
        return False

    def _notice(self, action: Notice) -> bool:
        self._later.clear()
        self._journal.notice(action.lane, action.pointer)
        pointer = None if self._reading.lane is None else self._reading.lane.pointer
        if pointer is not None and not self._memory.reached and pointer.slug in self._parts.releases.kept():
            self._journal.reach("fetched")
        if pointer is not None:
            # Now, not at this host's moment: a deploy that every host will refuse should learn of it at once.
            self._is_cleared(pointer)
        return True

    def _fetch(self, action: Fetch) -> bool:
        if action.pointer is not None and not self._is_cleared(action.pointer):
            return True
        try:
            self._parts.releases.fetch(action.slug)
        except (Refused, NoRoom) as error:
            pause = REFUSED_AGAIN if isinstance(error, Refused) else NO_ROOM_AGAIN
            self._later[action.slug] = self._now + pause
            self._journal.complain(error.message)
            if action.pointer is not None:
                self._journal.reach("failed", error.message)
        except ShipError as error:
            self._later[action.slug] = self._now + AWAY_AGAIN
            self._journal.complain(error.message)
        else:
            self._parts.say(f"fetched slug {action.slug[:12]}")
            if action.pointer is not None:
                self._journal.reach("fetched")
        return True

    def _roll(self, pointer: Pointer) -> bool:
        """Replace what runs. False: nobody can tell whether it is still wanted.

        The lane is read once more before, unless this turn has done nothing since it read it, as at a host's own moment.
        """
        if not self._is_cleared(pointer):
            return True
        if not self._fresh and not self._read():
            return False
        if not self._still(pointer):
            return True
        self._parts.at("lane-read-again")
        try:
            release = self._parts.releases.release(pointer.commit, pointer.slug)
            if "fetched" not in self._memory.reached:
                self._journal.reach("fetched")
            self._parts.say(f"rolling to {pointer.commit[:12]} (token {pointer.token})")
            done = self._parts.rolls.roll(
                release, triggered=self._triggered, serving=self._serving, wanted=partial(self._wants, pointer)
            )
        except Refused as error:
            done = Rolled(ok=False, why=error.message)
        except ShipError as error:
            self._later[pointer.slug] = self._now + AWAY_AGAIN
            self._journal.complain(error.message)
            return True
        self._parts.at("rolled")
        return self._rolled(pointer, done)

    def _is_cleared(self, pointer: Pointer) -> bool:
        """Tell whether what a pointer names may run in production. Lanes are not signed, clearances are."""
        if pointer == self._admitted:
            return True
        self._fresh = False
        try:
            self._parts.releases.admit(pointer.commit, pointer.slug)
        except ShipError as error:
            self._later[str(pointer.token)] = self._now + (REFUSED_AGAIN if isinstance(error, Refused) else AWAY_AGAIN)
            self._journal.complain(error.message)
            if isinstance(error, Refused):
                self._journal.reach("failed", error.message)
            return False
        self._admitted = pointer
        return True

    def _still(self, pointer: Pointer) -> bool:
        """Tell whether the lane as it was just read wants this, and does not halt what has not begun."""
        lane = self._reading.lane
        if lane is None or lane.pointer != pointer:
            return False
        return lane.halted is None or "triggered" in self._memory.reached

    def _rolled(self, pointer: Pointer, done: Rolled) -> bool:
        if done.superseded:
            return self._read()
        if not done.ok:
            self._later[pointer.slug] = self._now + START_AGAIN
            self._journal.complain(f"could not roll to {pointer.commit[:12]}: {done.why}")
            self._journal.fail(done.why)
            return True
        self._journal.complete(Runs(commit=pointer.commit, slug=pointer.slug, token=pointer.token))
        self._parts.say(f"runs {pointer.commit[:12]} (token {pointer.token})")
        return True

    def _mend(self, runs: Runs) -> bool:
        """Start what is missing of the release that serves; where that fails, not at once again."""
        release = self._parts.releases.release(runs.commit, runs.slug)
        done = self._parts.rolls.roll(release, triggered=lambda: None, serving=lambda: None, wanted=lambda: True)
        if not done.ok:
            self._later[runs.slug] = self._now + START_AGAIN
            self._journal.complain(f"could not mend {runs.commit[:12]}: {done.why}")
        return True

    def _triggered(self) -> None:
        if "triggered" not in self._memory.reached or "failed" in self._memory.reached:
            self._journal.reach("triggered")

    def _serving(self) -> None:
        if "serving" not in self._memory.reached:
            self._journal.reach("serving")

    def _wants(self, pointer: Pointer) -> bool:
        """Tell whether the lane still wants it, as far as it can be read. Not asked more often than lanes are polled."""
        if self._now - self._read_at >= self._parts.poll:
            self._read()
            self._journal.flush()
        lane = self._reading.lane
        return lane is None or lane.pointer is None or lane.pointer.token <= pointer.token

    def _tidy(self) -> None:
        """Drop one release that nobody can want any more, or free the room of one; never on the way to a release."""
        living = (self._parts.releases.known(one.folder) for one in self._parts.rolls.living())
        pinned = {one[1] for one in living if one is not None} | {self._reading.following or ""}
        lane = self._reading.lane
        if lane is not None and lane.pointer is not None:
            pinned.add(lane.pointer.slug)
        dropped = self._parts.releases.tidy(self._memory, pinned=frozenset(pinned), now=self._now)
        if dropped is not None:
            self._parts.say(f"dropped slug {dropped[:12]}")

    def _pause(self, begun: float) -> float:
        """Return the seconds to wait: until the next poll, or until the moment this host waits for."""
        usual = pace.rest(self._parts.poll, self._parts.chance(), self._now - begun)
        waits = [action.until - self._now for action in self._decided() if isinstance(action, Wait)]
        return max(LEAST, min([usual, *waits]))

    @property
    def _memory(self) -> Memory:
        return self._journal.memory

    @property
    def _now(self) -> float:
        return self._parts.clock.monotonic()
