from __future__ import annotations

import threading
import time

import pytest

from inbox import ratelimit
from inbox.ratelimit import Limiter
from tests.clock import Clock


def test_a_burst_goes_through_and_then_no_more(clock: Clock) -> None:
    limiter = Limiter(rate=1, burst=3, clock=clock)

    assert [limiter.wait_for("anna") for _ in range(5)] == [0, 0, 0, 1, 1]


def test_tokens_come_back_at_the_rate(clock: Clock) -> None:
    limiter = Limiter(rate=0.5, burst=1, clock=clock)
    limiter.wait_for("anna")

    clock.forward(1)
    assert limiter.wait_for("anna") == pytest.approx(1)
    clock.forward(1)
    assert limiter.wait_for("anna") == 0


def test_a_long_pause_fills_the_bucket_and_not_more(clock: Clock) -> None:
    limiter = Limiter(rate=1, burst=2, clock=clock)
    limiter.wait_for("anna")
    clock.forward(3600)

    assert [limiter.wait_for("anna") > 0 for _ in range(3)] == [False, False, True]


def test_visitors_do_not_take_from_each_other(clock: Clock) -> None:
    limiter = Limiter(rate=1, burst=1, clock=clock)
    limiter.wait_for("anna")

    assert limiter.wait_for("bo") == 0


def test_visitors_who_never_return_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those who could write again anyway: nobody is let through earlier by it."""
    monkeypatch.setattr(ratelimit, "_MOST_VISITORS", 100)
    limiter = Limiter(rate=1, burst=10, clock=clock)
    for number in range(100):
        limiter.wait_for(f"gone {number}")
    clock.forward(11)
    limiter.wait_for("new")

    assert len(limiter) == 1


def test_threads_share_one_bucket(clock: Clock) -> None:
    """A hundred threads at once get exactly the burst."""
    limiter = Limiter(rate=1, burst=30, clock=clock)
    start = threading.Barrier(100)
    waits: list[float] = []

    def visit() -> None:
        start.wait()
        waits.append(limiter.wait_for("anna"))

    threads = [threading.Thread(target=visit) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert waits.count(0) == 30


def test_whoever_waits_as_told_gets_through() -> None:
    """On the real clock, four times in a row: the promised wait is enough."""
    limiter = Limiter(rate=4, burst=1)
    limiter.wait_for("anna")

    for _ in range(4):
        time.sleep(limiter.wait_for("anna") + 0.01)
        assert limiter.wait_for("anna") == 0
