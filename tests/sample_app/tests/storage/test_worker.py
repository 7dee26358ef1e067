from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field
from functools import partial

import pytest

from inbox import comments, outbox
from inbox.delivery import DeliveryFailed, Message, Refused, Webhook
from inbox.storage import Database
from inbox.worker import Stop, Worker
from tests.clock import Clock
from tests.deadline import until
from tests.receiver import Receiver, status


@dataclass(slots=True)
class Desk:
    """A transport that keeps what it is given, and fails as often as it is told to."""

    failures: list[Exception] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def deliver(self, message: Message) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.messages.append(message)


def write(database: Database, clock: Clock, *bodies: str, queue: str = "live") -> list[int]:
    drafts = [comments.draft("Anna", body) for body in bodies]
    return [comments.add(database, draft, now=clock(), release="r", queue=queue).id for draft in drafts]


def state(database: Database, number: int) -> tuple[str, int, str | None]:
    found = outbox.status(database, number)
    assert found is not None
    return found.state, found.attempts, found.error


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def worker(database: Database, desk: Desk, clock: Clock) -> Worker:
    return Worker(database=database, transport=desk, queue="live", clock=clock)


def test_what_was_written_is_sent_in_order(worker: Worker, database: Database, desk: Desk, clock: Clock) -> None:
    write(database, clock, "one", "two", "three")

    assert worker.drain() == 3
    assert [message.body for message in desk.messages] == ["one", "two", "three"]
    assert worker.drain() == 0


def test_a_failure_waits_and_is_sent_later(worker: Worker, database: Database, desk: Desk, clock: Clock) -> None:
    (number,) = write(database, clock, "one")
    desk.failures = [DeliveryFailed("busy"), DeliveryFailed("busy")]

    assert worker.drain() == 1
    assert state(database, number) == ("queued", 1, "busy")
    clock.forward(2)
    worker.drain()
    clock.forward(4)
    worker.drain()

    assert state(database, number) == ("sent", 3, None)


def test_a_refusal_is_not_tried_again(worker: Worker, database: Database, desk: Desk, clock: Clock) -> None:
    (number,) = write(database, clock, "one")
    desk.failures = [Refused("unknown customer")]

    worker.drain()
    clock.forward(3600)

    assert worker.drain() == 0
    assert state(database, number) == ("dead", 1, "unknown customer")


def test_preproduction_sends_nothing_that_customers_wrote(database: Database, desk: Desk, clock: Clock) -> None:
    write(database, clock, "from a customer", queue="live")
    write(database, clock, "from a check", queue="preprod")

    Worker(database=database, transport=desk, queue="preprod", clock=clock).drain()

    assert [message.body for message in desk.messages] == ["from a check"]


def test_a_comment_that_vanished_is_given_up(worker: Worker, database: Database, clock: Clock) -> None:
    (number,) = write(database, clock, "one")
    with database.reading() as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM comments")

    worker.drain()

    assert state(database, number) == ("dead", 1, "the comment is gone")


def test_an_unforeseen_error_loses_nothing(worker: Worker, database: Database, desk: Desk, clock: Clock) -> None:
    """It ends the worker; the next one delivers when the lease has ended."""
    (number,) = write(database, clock, "one")
    desk.failures = [RuntimeError()]
    with pytest.raises(RuntimeError):
        worker.drain()

    clock.forward(60)
    worker.drain()

    assert state(database, number) == ("sent", 2, None)


def test_over_the_wire_each_comment_arrives_once(database: Database, clock: Clock, receiver: Receiver) -> None:
    """Four workers against a receiver that takes a tenth of a second for each."""
    receiver.pause = 0.1
    numbers = write(database, clock, *(f"number {number}" for number in range(32)))
    workers = [
        Worker(database=database, transport=Webhook(url=receiver.url), queue="live", clock=clock) for _ in range(4)
    ]
    threads = [threading.Thread(target=each.drain) for each in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(receiver.keys) == sorted(f"comment-{number}" for number in numbers)
    assert outbox.counts(database, queue="live") == {"queued": 0, "sent": 32, "dead": 0}


def test_a_receiver_that_recovers_gets_everything(database: Database, clock: Clock, receiver: Receiver) -> None:
    receiver.answer = status(503)
    write(database, clock, "one", "two", "three")
    worker = Worker(database=database, transport=Webhook(url=receiver.url), queue="live", clock=clock)
    for _ in range(3):
        worker.drain()
        clock.forward(10)
    receiver.answer = status(200)

    worker.drain()

    assert outbox.counts(database, queue="live") == {"queued": 0, "sent": 3, "dead": 0}


def test_an_idle_worker_finds_what_is_written_later(
    worker: Worker, database: Database, desk: Desk, clock: Clock
) -> None:
    """It looks again and again, until it is told to stop."""
    stop: Stop = queue.SimpleQueue()
    thread = threading.Thread(target=worker.run, args=(stop, 0.25))
    thread.start()
    try:
        for count in range(1, 5):
            write(database, clock, "later")
            until(partial(_has, desk, count), "the comment's delivery")
    finally:
        stop.put(15)
        thread.join(timeout=10)

    assert not thread.is_alive()


def _has(desk: Desk, count: int) -> bool:
    return len(desk.messages) == count


def test_a_busy_worker_stops_between_two_deliveries(
    worker: Worker, database: Database, desk: Desk, clock: Clock
) -> None:
    write(database, clock, "one", "two")
    stop: Stop = queue.SimpleQueue()
    stop.put(15)

    worker.run(stop, 60)

    assert desk.messages == []
