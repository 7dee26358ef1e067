"""Waiting for a fleet: hosts speak while the job waits, on a clock that moves when the job sleeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import ManualClock
from pipeline_gen.config import FailedHosts
from pipeline_gen.errors import InfraError
from shipping.fleet.inventory import Listed
from shipping.fleet.waiting import Wait, Waited, wait_triggered
from shipping.lane import keys, machine
from shipping.lane.ledger import Change, Ledger
from shipping.lane.machine import Act, Wanted
from shipping.memory import MemoryStore

if TYPE_CHECKING:
    from shipping.records.ack import State
    from shipping.records.lane import Token

APP, ENVIRONMENT = "inbox", "us"
HOSTS = ("a", "b", "c")


@dataclass(kw_only=True)
class Fleet(ManualClock):
    """A clock on which a fleet does what it is scheduled to do, as the one who waits sleeps."""

    store: MemoryStore = field(default_factory=MemoryStore)
    plan: list[tuple[float, Token, State, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=lambda: set(HOSTS))
    leave: dict[float, str] = field(default_factory=dict)
    away: bool = False
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = self.monotonic()

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        passed = self.monotonic() - self.begun
        for at, token, state, host in self.plan:
            if at <= passed:
                self.store.create(keys.acks(APP, ENVIRONMENT, token, state, host), b"")
        self.names -= {host for at, host in self.leave.items() if at <= passed}

    def hosts(self) -> frozenset[str]:
        if self.away:
            raise InfraError("could not list the instances")
        return frozenset(self.names)

    def flip(self, position: int) -> Token:
        act = Act(id=f"flip-{position}", at="2026-01-01T00:00:00.000Z", actor="ann", reason="because")
        wanted = Wanted(commit=f"{position:040x}", slug=f"{position:064x}", position=position)
        done = Ledger(self.store, app=APP, environment=ENVIRONMENT).change(
            act, lambda lane: machine.flip(lane, wanted, act), hosts=HOSTS
        )
        assert isinstance(done, Change)
        return done.transition.token

    def wait(self, token: Token, limit: FailedHosts = FailedHosts(), patience: float = 60.0) -> Waited:  # noqa: B008
        wait = Wait(
            app=APP, environment=ENVIRONMENT, token=token, hosts=HOSTS, spread=30.0, limit=limit, patience=patience
        )
        return wait_triggered(wait, self.store, self, self, self.said.append)


def test_it_ends_when_the_last_host_began() -> None:
    """It says how far the fleet is, each time that is another number."""
    fleet = Fleet()
    token = fleet.flip(1)
    fleet.plan = [(5.0, token, "triggered", "a"), (11.0, token, "triggered", "b"), (20.0, token, "triggered", "c")]

    waited = fleet.wait(token)

    assert waited.ok
    assert waited.seconds == pytest.approx(21.0)
    assert waited.words() == "3 of 3 hosts began in 21 s"
    assert fleet.said == ["0 of 3 hosts began", "1 of 3 hosts began", "2 of 3 hosts began"]


def test_a_failed_host_ends_it_at_once_and_is_named() -> None:
    fleet = Fleet()
    token = fleet.flip(1)
    fleet.plan = [(5.0, token, "triggered", "a"), (5.0, token, "failed", "b")]

    waited = fleet.wait(token)

    assert (waited.ending, waited.ok) == ("failed", False)
    assert waited.seconds < 10
    assert waited.words() == "1 of 3 hosts began in 6 s; failed: b; late: c; 0 may fail or stay silent"


def test_as_many_as_may_fail_may_fail() -> None:
    fleet = Fleet()
    token = fleet.flip(1)
    fleet.plan = [(1.0, token, "triggered", "a"), (1.0, token, "triggered", "b"), (1.0, token, "failed", "c")]

    waited = fleet.wait(token, FailedHosts(count=1))

    assert waited.ok
    assert "failed: c; 1 may fail" in waited.words()


def test_a_silent_host_is_failed_thirty_seconds_after_the_spread() -> None:
    fleet = Fleet()
    token = fleet.flip(1)
    fleet.plan = [(1.0, token, "triggered", "a"), (1.0, token, "triggered", "b")]

    waited = fleet.wait(token)

    assert waited.ending == "failed"
    assert waited.seconds == pytest.approx(60.0)
    assert "silent: c" in waited.words()


def test_a_host_that_only_fetched_is_waited_for_until_patience_ends() -> None:
    """It is not silent, and not through either."""
    fleet = Fleet()
    token = fleet.flip(1)
    fleet.plan = [(1.0, token, "triggered", "a"), (1.0, token, "triggered", "b"), (1.0, token, "fetched", "c")]

    waited = fleet.wait(token)

    assert waited.ending == "late"
    assert waited.seconds == pytest.approx(90.0)
    assert "late: c" in waited.words()


def test_a_host_that_left_meanwhile_is_not_waited_for() -> None:
    fleet = Fleet()
    token = fleet.flip(1)
    fleet.plan = [(1.0, token, "triggered", "a"), (1.0, token, "triggered", "b")]
    fleet.leave = {10.0: "c"}

    waited = fleet.wait(token)

    assert waited.ok
    assert "gone: c" in waited.words()


def test_a_fleet_of_which_nobody_is_left_did_not_begin() -> None:
    fleet = Fleet(names=set())

    assert fleet.wait(fleet.flip(1)).ending == "empty"


def test_hosts_that_went_on_to_a_newer_pointer_count() -> None:
    """Somebody rolled back, or shipped on, while this one was being followed: nobody will say more of its token."""
    fleet = Fleet()
    token = fleet.flip(1)
    newer = fleet.flip(2)
    fleet.plan = [(1.0, token, "triggered", "a"), (8.0, newer, "triggered", "b"), (8.0, newer, "complete", "c")]

    assert fleet.wait(token).ok


def test_an_inventory_that_does_not_answer_keeps_the_hosts_that_were_seen_last() -> None:
    fleet = Fleet(away=True)
    token = fleet.flip(1)
    fleet.plan = [(40.0, token, "triggered", host) for host in HOSTS]

    assert fleet.wait(token).ok
    assert "could not list the instances; going on with the hosts that were seen last" in fleet.said


def test_the_configuration_names_hosts_that_are_always_in_service() -> None:
    assert Listed(names=HOSTS).hosts() == frozenset(HOSTS)
