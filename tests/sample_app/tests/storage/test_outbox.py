from __future__ import annotations

import threading
import time

import pytest

from inbox import comments, outbox
from inbox.outbox import Claim
from inbox.storage import Database
from tests.clock import Clock


def queued(database: Database, clock: Clock, count: int = 1, queue: str = "live") -> list[int]:
    draft = comments.draft("Anna", "hello")
    return [comments.add(database, draft, now=clock(), release="r", queue=queue).id for _ in range(count)]


def claim(database: Database, clock: Clock, queue: str = "live") -> Claim | None:
    return outbox.claim(database, queue=queue, now=clock(), lease_for=60)


def claimed(database: Database, clock: Clock) -> Claim:
    found = claim(database, clock)
    assert found is not None
    return found


def test_the_oldest_is_claimed_first_and_only_once(database: Database, clock: Clock) -> None:
    first, second = queued(database, clock, 2)

    assert claimed(database, clock).comment_id == first
    assert claimed(database, clock).comment_id == second
    assert claim(database, clock) is None


def test_queues_do_not_mix(database: Database, clock: Clock) -> None:
    queued(database, clock, queue="live")

    assert claim(database, clock, queue="preprod") is None


def test_what_is_sent_is_done(database: Database, clock: Clock) -> None:
    queued(database, clock)

    assert outbox.sent(database, claimed(database, clock), now=clock())
    clock.forward(3600)
    assert claim(database, clock) is None
    assert outbox.counts(database, queue="live") == {"queued": 0, "sent": 1, "dead": 0}


def test_a_worker_that_died_is_succeeded_after_its_lease(database: Database, clock: Clock) -> None:
    queued(database, clock)
    lost = claimed(database, clock)
    clock.forward(59)
    assert claim(database, clock) is None
    clock.forward(1)

    successor = claimed(database, clock)

    assert (successor.comment_id, successor.attempt) == (lost.comment_id, 2)
    assert successor.lease != lost.lease


def test_a_worker_that_was_too_slow_changes_nothing(database: Database, clock: Clock) -> None:
    """Its lease has ended: what its successor says counts."""
    (number,) = queued(database, clock)
    slow = claimed(database, clock)
    clock.forward(61)
    successor = claimed(database, clock)

    assert not outbox.dead(database, slow, error="too late")
    assert outbox.sent(database, successor, now=clock())
    assert not outbox.failed(database, slow, error="too late", now=clock())
    assert outbox.status(database, number) == outbox.Status(state="sent", attempts=2, error=None)


def test_a_failure_is_tried_again_after_a_pause(database: Database, clock: Clock) -> None:
    (number,) = queued(database, clock)
    outbox.failed(database, claimed(database, clock), error="busy", now=clock())

    assert outbox.status(database, number) == outbox.Status(state="queued", attempts=1, error="busy")
    clock.forward(1.9)
    assert claim(database, clock) is None
    clock.forward(0.2)
    assert claimed(database, clock).attempt == 2


def test_one_failure_does_not_hold_up_the_others(database: Database, clock: Clock) -> None:
    _, second = queued(database, clock, 2)
    outbox.failed(database, claimed(database, clock), error="busy", now=clock())

    assert claimed(database, clock).comment_id == second


def test_pauses_grow_up_to_an_hour() -> None:
    assert [outbox.retry_delay(attempt) for attempt in (1, 2, 3, 8, 20, 500)] == [2, 4, 8, 256, 3600, 3600]


def test_after_the_last_attempt_it_is_dead_until_someone_revives_it(database: Database, clock: Clock) -> None:
    (number,) = queued(database, clock)
    for _ in range(outbox.MOST_ATTEMPTS):
        outbox.failed(database, claimed(database, clock), error="still busy", now=clock())
        clock.forward(3600)
    assert claim(database, clock) is None
    assert outbox.dead_letters(database, queue="live") == [(number, "still busy")]

    assert outbox.revive(database, number, now=clock())

    assert claimed(database, clock).attempt == 1


@pytest.mark.parametrize("state", ["queued", "sent"])
def test_only_the_dead_are_revived(database: Database, clock: Clock, state: str) -> None:
    (number,) = queued(database, clock)
    if state == "sent":
        outbox.sent(database, claimed(database, clock), now=clock())

    assert not outbox.revive(database, number, now=clock())


def test_a_comment_without_delivery_has_no_status(database: Database) -> None:
    assert outbox.status(database, 404) is None


def test_a_lease_ends_on_the_real_clock_too(database: Database, clock: Clock) -> None:
    clock.now = time.time()
    queued(database, clock)
    started = time.monotonic()
    outbox.claim(database, queue="live", now=time.time(), lease_for=1.0)

    while outbox.claim(database, queue="live", now=time.time(), lease_for=1.0) is None:
        time.sleep(0.02)

    assert time.monotonic() - started > 0.9


def test_many_workers_never_claim_the_same(database: Database, clock: Clock) -> None:
    numbers = queued(database, clock, 120)
    taken: list[int] = []

    def work() -> None:
        while found := claim(database, clock):
            taken.append(found.comment_id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == numbers
