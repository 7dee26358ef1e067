"""Roll a host to a release, one process group after another; where that fails, back to what ran before.

What may happen is decided by `plan`, from what is there: a roll that was killed is gone on with by starting it again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_gen.errors import Refused
from shipping.host import probe
from shipping.host.driver import Transition, unheard
from shipping.host.group import name_of
from shipping.host.plan import Await, Drain, Finish, Forget, Start, next_step
from shipping.host.rolls import Living, Release, Rolled

if TYPE_CHECKING:
    from collections.abc import Callable

    from shipping.host.driver import Driver, Reached
    from shipping.host.group import Group

LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds: until a group must be ready; that a type without ``ready`` must live to count as ready; between two questions
    whether the release is still wanted, while a group or a drain is waited for.
    """

    ready: float = 60.0
    settle: float = 1.0
    ask: float = 2.0


class _Unwanted(Exception):
    """Something else is wanted by now."""


def _nothing_more() -> None:
    """Tell nobody."""


def _always() -> bool:
    return True


class Roller:
    """Rolls releases over one driver, whose groups outlive both."""

    def __init__(self, driver: Driver, *, reached: Reached = unheard, limits: Limits | None = None) -> None:
        self._driver = driver
        self._reached = reached
        self._limits = limits or Limits()

    def living(self) -> tuple[Living, ...]:
        """Return the releases that have a living group here."""
        found: dict[str, bool] = {}
        for group in self._driver.groups():
            if group.alive:
                found[group.release] = found.get(group.release, False) or group.phase == "serving"
        return tuple(Living(folder=Path(name), serves=serves) for name, serves in found.items())

    def whole(self, release: Release) -> bool:
        """Tell whether all groups of the release serve, and no others."""
        return next_step(release, self._driver.groups()) is None

    def roll(
        self,
        release: Release,
        *,
        triggered: Callable[[], None] = _nothing_more,
        serving: Callable[[], None] = _nothing_more,
        wanted: Callable[[], bool] = _always,
    ) -> Rolled:
        """Return when all groups are this release's, or none is: then those of the current release serve as before.

        ``triggered`` is called when the boot checks have passed, before anything that runs is touched; ``serving`` when a
        group of it serves; ``wanted`` is asked before each group is replaced, and while one is waited for: a newer pointer
        ends the roll, what it left is the next one's to clear away.
        Raises InfraError where the host stands in the way (its port is taken).
        """
        before = self._driver.current()
        attempt = _Attempt(
            self._driver,
            release,
            reached=self._reached,
            limits=self._limits,
            triggered=triggered,
            serving=serving,
            wanted=wanted,
        )
        try:
            attempt.run()
        except _Unwanted:
            return Rolled(ok=False, why="something else is wanted by now", superseded=True)
        except Refused as error:
            attempt.give_up()
            return Rolled(ok=False, why=str(error) + self._put_back(before, release))
        if before != release:
            self._driver.set_current(release)
        return Rolled(ok=True)

    def _put_back(self, before: Release | None, failed: Release) -> str:
        """Return what to add to the failure: nothing where the release before serves on all its groups again."""
        if before is not None and before.folder == failed.folder:
            return ""
        wanted = before or _nothing(failed.folder)
        attempt = _Attempt(self._driver, wanted, reached=self._reached, limits=self._limits, boot=False)
        try:
            attempt.run()
        except Refused as error:
            attempt.give_up()
            return f"\nand could not put {wanted.commit!r} back: {error}"
        return ""


def _nothing(folder: Path) -> Release:
    return Release(commit="nothing", folder=folder / "nothing", processes=())


class _Attempt:
    """One run of steps towards one release. A group that this run started and that ends by itself fails it."""

    def __init__(
        self,
        driver: Driver,
        release: Release,
        *,
        reached: Reached,
        limits: Limits,
        triggered: Callable[[], None] = _nothing_more,
        serving: Callable[[], None] = _nothing_more,
        wanted: Callable[[], bool] = _always,
        boot: bool = True,
    ) -> None:
        self._driver = driver
        self._release = release
        self._reached = reached
        self._limits = limits
        self._triggered = triggered
        self._serving = serving
        self._wanted = wanted
        self._emptied: set[tuple[str, int]] = set()
        self._boot = boot
        self._begun = False
        self._started: set[str] = set()

    def run(self) -> None:
        """Take steps until none is due. Raises Refused where the release cannot serve, _Unwanted where it need not any more."""
        if any(one.alive and self._serves(one) for one in self._driver.groups()):
            self._triggered()
            self._serving()
        while (step := next_step(self._release, self._driver.groups())) is not None:
            match step:
                case Start():
                    self._start(step)
                case Await():
                    self._await(step.group)
                case Drain():
                    self._drain(step.group)
                case Finish():
                    self._finish(step.group)
                case Forget():
                    self._forget(step.group)

    def _serves(self, group: Group) -> bool:
        return group.phase == "serving" and group.release == name_of(self._release)

    def give_up(self) -> None:
        """Drain what this run left starting: it may have taken requests."""
        for group in self._driver.groups():
            if group.phase == "starting" and group.release == name_of(self._release) and group.alive:
                self._driver.drain(group, "nothing")

    def _ask(self) -> None:
        if not self._wanted():
            raise _Unwanted

    def _start(self, step: Start) -> None:
        if (step.process.name, step.slot) not in self._emptied:  # what we emptied we fill
            self._ask()
        self._begin()
        self._started.add(self._driver.start(self._release, step.process, step.slot).id)

    def _begin(self) -> None:
        """Check once that the release boots, before any group is touched: one that does not takes nothing from what serves."""
        if self._begun:
            return
        for process in self._release.processes if self._boot else ():
            self._driver.boot(self._release, process)
        self._begun = True
        self._triggered()

    def _drain(self, group: Group) -> None:
        if group.phase == "serving" and not any(
            one.place == group.place and self._serves(one) for one in self._driver.groups()
        ):
            self._ask()
            self._begin()
            self._emptied.add(group.place)
        self._driver.drain(group, name_of(self._release))

    def _await(self, group: Group) -> None:
        begun = asked = time.monotonic()
        while (why := self._not_ready(group, time.monotonic() - begun)) is not None:
            if not self._alive(group):
                raise Refused(self._told(group, f"ended before it was ready ({self._driver.ended(group)})"))
            if time.monotonic() - begun > self._limits.ready:
                raise Refused(self._told(group, f"was not ready after {self._limits.ready:g} s: {why}"))
            asked = self._pause(asked)
        self._reached(Transition.GROUP_READY, group.id)
        self._driver.promote(group)
        self._serving()

    def _not_ready(self, group: Group, lived: float) -> str | None:
        process = next((one for one in self._release.processes if one.name == group.process), None)
        if process is None or process.ready is None or group.port is None:
            return None if lived >= self._limits.settle and self._alive(group) else "it has not lived long enough"
        return probe.look(group.port, ready=process.ready, version=process.version, commit=self._release.commit)

    def _finish(self, group: Group) -> None:
        self._driver.drain(group, name_of(self._release))  # whoever noted it may have been killed before telling it
        asked = time.monotonic()
        while self._alive(group):
            asked = self._pause(asked)

    def _pause(self, asked: float) -> float:
        """Wait a moment; ask whether the release is wanted where that was long ago. Returns when it was asked."""
        time.sleep(LOOK_SECONDS)
        if time.monotonic() - asked < self._limits.ask:
            return asked
        self._ask()
        return time.monotonic()

    def _forget(self, group: Group) -> None:
        if group.id in self._started and group.phase != "draining":
            told = self._told(group, f"ended by itself ({self._driver.ended(group)})")
            self._driver.forget(group)
            raise Refused(told)
        self._driver.forget(group)

    def _alive(self, group: Group) -> bool:
        return any(one.id == group.id and one.alive for one in self._driver.groups())

    def _told(self, group: Group, what: str) -> str:
        log = self._driver.tail(group)
        lines = f"\n{log}" if log else ""
        return f"{group.process} {group.slot} of {self._release.commit!r} {what}{lines}"
