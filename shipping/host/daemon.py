"""The loop of a host: read the lane, do what `decide` says, remember it, tell it.

Every turn begins with what is on disk and what runs, so that a turn which was cut off at any line is gone on with by the next
one, of this daemon or of the one after it. A lane that cannot be read changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pipeline_gen.clock import rfc3339
from pipeline_gen.errors import Refused, ShipError
from shipping.host import memory as memories
from shipping.host.decide import Disk, Fetch, Mend, Notice, Refuse, Roll, Running, Wait, decide, otherwise
from shipping.host.points import ACKED_AT, KEPT_AT, nowhere
from shipping.host.retention import droppable
from shipping.host.rolls import Rolled
from shipping.records.beacon import Beacon, Runs
from shipping.slug.fetch import NoRoom

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline_gen.clock import Clock
    from shipping.host.decide import Action, Host
    from shipping.host.points import At
    from shipping.host.reading import Reading
    from shipping.host.releases import Releases
    from shipping.host.reports import Reports
    from shipping.host.rolls import Rolls
    from shipping.records.ack import State
    from shipping.records.lane import Pointer

# Seconds between the beginnings of two polls. With 5,000 hosts, 6 to 7 s are 770 reads of the lane a second, and 920 in the
# busiest one of a deploy: docs/fleet.md has the arithmetic. S3 gives 5,500 for each prefix.
POLL = 6.0
JITTER = 1.0
HINT_EVERY = 4
"""Polls of the lane for one of the hint: gates take a minute, and nothing is late for being fetched 20 s later."""

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
    poll: float = POLL
    at: At = nowhere


class Daemon:
    """One host's. `turn` never sleeps: whoever calls it waits as long as it says."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading = parts.reading
        remembered = memories.load(parts.memory, boot=parts.boot)
        self._memory = remembered.after_boot(parts.boot, self._now)
        parts.releases.recover(rebooted=remembered.boot != parts.boot)
        self._read_at = float("-inf")
        self._fresh = False
        self._turns = 0
        self._later: dict[str, float] = {}
        self._admitted: Pointer | None = None
        self._trouble = ""
        self._said = ""
        self._owe_all()

    def begin(self) -> float:
        """Return the seconds until the first turn: daemons that are started in one second must not ask in one second."""
        return self._parts.chance() * self._parts.poll

    def turn(self) -> float:
        """Do what is to be done now. Return the seconds until the next turn."""
        self._trouble = ""
        begun = self._now
        try:
            self._read(hint=self._turns % HINT_EVERY == 0)
            self._turns += 1
            self._act()
            self._report()
        except OSError as error:  # our own few bytes could not be written: nothing was begun
            self._complain(f"could not write in {str(self._parts.memory.parent)!r}: {error.strerror}")
        return self._pause(begun)

    def _read(self, *, hint: bool = False) -> bool:
        """Read the lane. False: it could not be read, and nobody may act on the old one."""
        self._fresh = False
        try:
            self._reading.read_lane()
            if hint:
                self._reading.read_hint()
        except ShipError as error:
            self._complain(error.message)
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
                self._complain(f"refused: {action.why}")
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
        after = self._memory.saw(action.lane, action.pointer, self._now)
        memories.save(self._parts.memory, after)
        self._memory = after
        self._parts.at("token-kept")
        pointer = None if self._reading.lane is None else self._reading.lane.pointer
        if pointer is not None and not after.reached and pointer.slug in self._parts.releases.kept():
            self._reach("fetched")
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
            self._complain(error.message)
            if action.pointer is not None:
                self._reach("failed", error.message)
        except ShipError as error:
            self._later[action.slug] = self._now + AWAY_AGAIN
            self._complain(error.message)
        else:
            self._parts.say(f"fetched slug {action.slug[:12]}")
            if action.pointer is not None:
                self._reach("fetched")
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
                self._reach("fetched")
            self._parts.say(f"rolling to {pointer.commit[:12]} (token {pointer.token})")
            done = self._parts.rolls.roll(
                release, triggered=self._triggered, serving=self._serving, wanted=partial(self._wants, pointer)
            )
        except Refused as error:
            done = Rolled(ok=False, why=error.message)
        except ShipError as error:
            self._later[pointer.slug] = self._now + AWAY_AGAIN
            self._complain(error.message)
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
            self._complain(error.message)
            if isinstance(error, Refused):
                self._reach("failed", error.message)
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
            self._complain(f"could not roll to {pointer.commit[:12]}: {done.why}")
            self._trouble = done.why  # the beacon says it from now on: in the same words in this turn and in later ones
            if "triggered" not in self._memory.reached:
                # It did not boot. Told after the failure only: between the two a deploy would count this host as begun.
                self._memory = self._memory.came("triggered")
            self._reach("failed", done.why)
            self._owe_all()
            return True
        runs = Runs(commit=pointer.commit, slug=pointer.slug, token=pointer.token)
        self._memory = self._memory.serves(runs, self._now)
        self._reach("complete")
        self._parts.say(f"runs {pointer.commit[:12]} (token {pointer.token})")
        return True

    def _mend(self, runs: Runs) -> bool:
        """Start what is missing of the release that serves; where that fails, not at once again."""
        release = self._parts.releases.release(runs.commit, runs.slug)
        done = self._parts.rolls.roll(release, triggered=lambda: None, serving=lambda: None, wanted=lambda: True)
        if not done.ok:
            self._later[runs.slug] = self._now + START_AGAIN
            self._complain(f"could not mend {runs.commit[:12]}: {done.why}")
        return True

    def _triggered(self) -> None:
        if "triggered" not in self._memory.reached or "failed" in self._memory.reached:
            self._reach("triggered")

    def _serving(self) -> None:
        if "serving" not in self._memory.reached:
            self._reach("serving")

    def _wants(self, pointer: Pointer) -> bool:
        """Tell whether the lane still wants it, as far as it can be read. Not asked more often than lanes are polled."""
        if self._now - self._read_at >= self._parts.poll:
            self._read()
            self._parts.reports.flush(self._now)
        lane = self._reading.lane
        return lane is None or lane.pointer is None or lane.pointer.token <= pointer.token

    # -- remembering and telling ---------------------------------------------------------------------------------------

    def _reach(self, state: State, why: str = "") -> None:
        """Remember a state, then tell it. What cannot be remembered is told all the same: it is true."""
        self._memory = self._memory.came(state, why)
        try:
            memories.save(self._parts.memory, self._memory)
        except OSError as error:
            self._complain(f"could not write {str(self._parts.memory)!r}: {error.strerror}")
        self._parts.at(KEPT_AT[state])
        if self._memory.token is not None:
            self._parts.reports.ack(self._memory.token, state)
            self._parts.reports.flush(self._now)
        self._parts.at(ACKED_AT[state])

    def _owe_all(self) -> None:
        """Owe every ack of the token at hand: the daemon before may have died before it told them."""
        if self._memory.token is not None:
            for state in self._memory.reached:
                self._parts.reports.ack(self._memory.token, state)

    def _report(self) -> None:
        reached = self._memory.reached
        self._parts.reports.flush(self._now)
        beacon = Beacon(
            host=self._parts.host.name,
            environment=self._parts.environment,
            runs=self._memory.runs,
            wanted=self._memory.token,
            reached=reached[-1] if reached else None,
            why=self._trouble or self._memory.why,
            at=rfc3339(self._parts.clock.now()),
        )
        if self._parts.reports.beacon(beacon, self._now):
            self._parts.at("beacon-written")

    def _tidy(self) -> None:
        """Drop one release that nobody can want any more, or free the room of one; never on the way to a release."""
        releases, lane = self._parts.releases, self._reading.lane
        if releases.settle() or releases.sweep():
            return
        living = (releases.known(one.folder) for one in self._parts.rolls.living())
        pinned = {one[1] for one in living if one is not None} | {self._reading.following or ""}
        if lane is not None and lane.pointer is not None:
            pinned.add(lane.pointer.slug)
        for slug in droppable(releases.kept(), self._memory, pinned=frozenset(pinned), now=self._now)[:1]:
            releases.drop(slug)
            self._parts.say(f"dropped slug {slug[:12]}")

    def _complain(self, line: str) -> None:
        """Say what is wrong, once as long as it is the same, and in the beacon as long as it is."""
        self._trouble = line
        if line != self._said:
            self._said = line
            self._parts.say(line)

    def _pause(self, begun: float) -> float:
        """Return the seconds to wait: until the next poll, or until the moment this host waits for.

        Polls are counted from where a turn began: a bucket that answers nobody for a while answers all at once then, and a
        fleet that counted from the answers would ask in step from there on.
        """
        period = self._parts.poll + self._parts.chance() * JITTER * self._parts.poll / POLL
        usual = period - (self._now - begun) % period
        waits = [action.until - self._now for action in self._decided() if isinstance(action, Wait)]
        return max(LEAST, min([usual, *waits]))

    @property
    def _now(self) -> float:
        return self._parts.clock.monotonic()
