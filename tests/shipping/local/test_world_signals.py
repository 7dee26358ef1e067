"""Signals as something to wait for."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from shipping.local.world.signals import caught


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_counted_and_breaks_into_nothing(number: signal.Signals) -> None:
    """Ctrl-C between two steps of the clean-up must not leave the second undone."""
    with caught() as signals:
        os.kill(os.getpid(), number)
        assert not signals.stopping  # not yet looked at

        signals.wait(5)
        assert signals.stopping

        os.kill(os.getpid(), number)
        signals.wait(5)
        assert signals.stops == 2


def test_a_childs_end_wakes_but_does_not_stop() -> None:
    """The supervisor notices at once that somebody died."""
    with caught() as signals:
        child = subprocess.Popen(["true"])
        begun = time.monotonic()

        signals.wait(10)

        assert time.monotonic() - begun < 5
        assert not signals.stopping
        child.wait()


def test_waiting_ends_by_itself() -> None:
    """There is other work between signals."""
    with caught() as signals:
        signals.wait(0.01)

        assert signals.stops == 0


def test_handlers_are_as_they_were_afterwards() -> None:
    """And a hang-up that is ignored (nohup) stays ignored."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in numbers]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with caught() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            signals.wait(0.05)
            assert not signals.stopping
    finally:
        signal.signal(signal.SIGHUP, before[2])

    assert before == [signal.getsignal(number) for number in numbers]
    assert signal.set_wakeup_fd(-1) == -1


def test_children_inherit_no_mask() -> None:
    """A program started meanwhile is ended by SIGTERM like any other."""
    with caught():
        child = subprocess.Popen(["sleep", "300"])
        child.terminate()

        assert child.wait(timeout=10) == -signal.SIGTERM
