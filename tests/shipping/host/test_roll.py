"""Rolls of real processes on real sockets: to a release, back from one that cannot serve, on from where one was killed."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from shipping.host.driver import Transition
from shipping.host.folders import read_note
from shipping.host.roll import Limits, Roller
from shipping.host.rolls import Living
from shipping.records.process import ProcessType
from tests.shipping.host.hosts import LIMITS, Host, a_host, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.records.process import Order

ORDERS = ("start-first", "stop-first")


@pytest.fixture(params=ORDERS)
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Host]:
    order: Order = request.param
    with a_host(tmp_path / "host", order) as made:
        yield made


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Host]:
    with a_host(tmp_path / "host") as made:
        yield made


def ask(host: Host, path: str = "/version") -> str:
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return f"{answer.status} {answer.read().decode().strip()}"
    finally:
        connection.close()


@contextmanager
def asking(host: Host, answers: list[str]) -> Iterator[None]:
    """Ask on new connections all the while; what fails is an answer too."""
    end = threading.Event()

    def run() -> None:
        while not end.is_set():
            begun = time.monotonic()
            try:
                answers.append(ask(host, "/slow/0.05"))
            except (OSError, http.client.HTTPException) as error:
                answers.append(f"{error!r} after {time.monotonic() - begun:.2f} s")

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def test_a_roll_goes_from_one_release_to_the_next_and_every_request_is_answered(host: Host) -> None:
    """Both orders: all groups are the new release's, all answers were 200, and from both releases."""
    assert host.roll(host.release("one")).ok
    answers: list[str] = []

    with asking(host, answers):
        rolled = host.roll(host.release("two"))
        until(lambda: answers[-1] == "200 two")

    assert (rolled.ok, host.releases()) == (True, ["two", "two"])
    assert set(answers) == {"200 one", "200 two"}


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("exit", "it does not boot: no such module"),
        ("dies", "exit status 7"),
        ("unready", "'/readyz' answered 503"),
        ("wrong", "instead of commit 'two'"),
    ],
)
def test_a_release_that_cannot_serve_leaves_the_old_one_serving(host: Host, behaviour: str, said: str) -> None:
    """It ends failed, says why with the end of the log, and what ran before runs on all groups."""
    host.roll(host.release("one"))
    answers: list[str] = []

    with asking(host, answers):
        rolled = host.roll(host.release("two", behaviour), limits=Limits(ready=1.5, settle=0.1))

    assert not rolled.ok
    assert said in rolled.why
    assert host.releases() == ["one", "one"]
    assert set(answers) <= {"200 one", "200 other", "200 two"}


@pytest.mark.parametrize("transition", [one for one in Transition if one is not Transition.SOCKET_HELD])
@pytest.mark.parametrize("nth", [1, 2])
def test_killed_at_any_transition_the_next_roll_converges(host: Host, transition: Transition, nth: int) -> None:
    """Groups outlive the supervisor; requests are answered before, between and after; nothing is left over."""
    host.roll(host.release("one"))
    nth = 1 if transition is Transition.RELEASE_CURRENT else nth
    answers: list[str] = []

    with asking(host, answers):
        killed = host.roll_and_die(host.release("two"), transition, nth)
        rolled = host.roll(host.release("two"))
        until(lambda: answers[-1] == "200 two")

    assert killed == -signal.SIGKILL
    assert (rolled.ok, host.releases()) == (True, ["two", "two"])
    assert set(answers) <= {"200 one", "200 two"}
    assert len(list((host.folder / "run" / "groups").iterdir())) == 2


def test_killed_when_the_first_socket_is_held_the_next_roll_takes_it_over(first: Host) -> None:
    """The port is open from then on, before any group runs."""
    assert first.roll_and_die(first.release("one"), Transition.SOCKET_HELD, 1) == -signal.SIGKILL
    answers: list[str] = []
    waiting = threading.Thread(target=lambda: answers.append(ask(first)))
    waiting.start()

    first.roll(first.release("one"))
    waiting.join()

    assert answers == ["200 one"]


def test_killed_while_a_failed_release_is_taken_back_the_old_one_serves_again(host: Host) -> None:
    """Killed after the failing group was told to go: the next roll, to the old release, has all groups serving."""
    host.roll(host.release("one"))
    bad = host.release("two", "unready")
    assert host.roll_and_die(bad, Transition.GROUP_STARTED, 1) == -signal.SIGKILL

    rolled = host.roll(host.release("one"))

    assert (rolled.ok, host.releases()) == (True, ["one", "one"])


@pytest.mark.parametrize("victim", ["holder", "group"])
def test_a_keeper_that_is_killed_is_replaced(first: Host, victim: str) -> None:
    """With a group's keeper its processes die, with the holder nothing does; the next roll to the same release mends it."""
    first.roll(first.release("one", "forks"))
    (first.folder / "releases" / "one" / "behaviour").write_text("good")
    parent = first.folder / "run" / ("sockets" if victim == "holder" else "groups")
    note = read_note(min(parent.iterdir()) / "keeper.json")
    assert note is not None

    os.kill(note["pid"], signal.SIGKILL)
    until(lambda: victim == "holder" or len(first.releases()) == 1)
    answers: list[str] = []
    with asking(first, answers):
        assert first.roll(first.release("one")).ok

    assert first.releases() == ["one", "one"]
    assert set(answers) == {"200 one"}


def test_a_group_that_does_not_finish_is_killed_after_its_drain(first: Host) -> None:
    """It ignores SIGTERM; all it started goes with it."""
    (web,) = first.release("one").processes
    short = ProcessType.from_json({**web.to_json(), "drain": 0.5, "count": 1})
    first.roll(first.release("deaf", "deaf", short))
    begun = time.monotonic()

    rolled = first.roll(first.release("two", "good", short))

    assert (rolled.ok, first.releases()) == (True, ["two"])
    assert 0.5 <= time.monotonic() - begun < 15


def test_a_roll_ends_between_two_groups_when_it_is_told_not_to_go_on(first: Host) -> None:
    """A newer release is wanted: what runs serves, the next roll replaces both."""
    first.roll(first.release("one"))
    answers = iter([True, False])

    rolled = first.roll(first.release("two"), wanted=lambda: next(answers))

    assert (rolled.ok, rolled.superseded, sorted(first.releases())) == (False, True, ["one", "two"])
    assert first.roll(first.release("three")).ok
    assert first.releases() == ["three", "three"]


def test_a_roll_ends_while_it_waits_for_a_group_that_does_not_get_ready(first: Host) -> None:
    """A rollback must not wait until a broken release has had its time."""
    first.roll(first.release("one"))
    answers = iter([True, True])
    begun = time.monotonic()

    limits = Limits(ready=60, settle=0.2, ask=0.2)
    rolled = first.roll(first.release("two", "unready"), limits=limits, wanted=lambda: next(answers, False))

    assert (rolled.ok, rolled.superseded, first.releases()) == (False, True, ["one", "one"])
    assert time.monotonic() - begun < 30
    assert first.roll(first.release("one")).ok
    assert len(list((first.folder / "run" / "groups").iterdir())) == 2


def test_stop_first_fills_what_it_emptied_before_it_ends(tmp_path: Path) -> None:
    """Told that something else is wanted after the old group was drained, it still starts the new one."""
    with a_host(tmp_path / "host", "stop-first") as host:
        host.roll(host.release("one"))
        answers = iter([True])

        rolled = host.roll(host.release("two"), wanted=lambda: next(answers, False))

        assert rolled.superseded
        assert sorted(host.releases()) == ["one", "two"]


def test_a_worker_without_readiness_is_ready_when_it_lives(first: Host) -> None:
    """No socket is given to it, its boot check runs before anything is started."""
    lives = "import os, time; assert 'LISTEN_FDS' not in os.environ; time.sleep(600)"
    worker = ProcessType(name="worker", command=(sys.executable, "-c", lives), drain=1)
    refused = ProcessType(
        name="worker", command=(sys.executable, "-c", lives), boot=(sys.executable, "-c", "exit('no table')")
    )

    assert first.roll(first.release("one", "good", worker)).ok
    failed = first.roll(first.release("two", "good", refused))

    assert "cannot boot 'worker' of 'two': exit status 1\nno table" in failed.why
    assert first.releases() == ["one"]


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_a_release_that_does_not_boot_touches_nothing(tmp_path: Path, order: Order) -> None:
    """Whatever the order: no group is drained for it, and nobody is told that the roll began."""
    told: list[str] = []
    with a_host(tmp_path, order) as host:
        (web,) = host.release("one").processes
        refused = ProcessType.from_json({**web.to_json(), "boot": [sys.executable, "-c", "exit('no table')"]})
        with host.supervisor() as driver:
            roller = Roller(driver, limits=LIMITS)
            roller.roll(host.release("one"), triggered=lambda: told.append("one"))
            before = driver.groups()
            assert not roller.roll(host.release("two", "good", refused), triggered=lambda: told.append("two")).ok

            assert driver.groups() == before
    assert told == ["one"]


def test_a_command_that_is_not_there_is_refused_by_name(first: Host) -> None:
    """The first release of a host fails: nothing runs."""
    (web,) = first.release("one").processes
    missing = ProcessType.from_json({**web.to_json(), "command": ["./no-such-program"]})

    rolled = first.roll(first.release("one", "good", missing))

    assert "cannot start './no-such-program'" in rolled.why
    assert first.releases() == []


def test_the_daemon_is_told_what_lives_what_is_whole_and_when_the_first_group_serves(first: Host) -> None:
    """A release that drains lives without serving; one with a dead group is not whole."""
    one, two = first.release("one"), first.release("two")
    told: list[str] = []
    with first.supervisor() as driver:
        roller = Roller(driver, limits=LIMITS)
        assert (roller.living(), roller.whole(one)) == ((), False)
        roller.roll(one, serving=lambda: told.append("one"))
        assert (roller.living(), roller.whole(one), roller.whole(two)) == (
            (Living(folder=one.folder, serves=True),),
            True,
            False,
        )
        driver.drain(driver.groups()[0], "another")
        driver.drain(driver.groups()[1], "another")
        assert not roller.whole(one)
        assert all(not living.serves for living in roller.living())
        roller.roll(two, serving=lambda: told.append("two"))

    assert told == ["one", "one", "two", "two"]
