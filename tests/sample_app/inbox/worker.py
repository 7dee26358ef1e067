"""Sends what is in the outbox: ``python -m inbox.worker``. On SIGTERM it finishes the delivery at hand and ends."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inbox import comments, delivery, outbox, settings
from inbox.storage import Database

if TYPE_CHECKING:
    from collections.abc import Callable

# Longer than any delivery takes: a lease that ends too early means a comment that is sent twice.
LEASE = 60.0

# A signal handler may put into a SimpleQueue at any moment; setting an Event that the same thread waits for can deadlock.
Stop = queue.SimpleQueue[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Delivers from one queue of the outbox."""

    database: Database
    transport: delivery.Transport
    queue: str
    clock: Callable[[], float] = time.time
    lease_for: float = LEASE

    def run(self, stop: Stop, poll: float) -> None:
        """Deliver until something is put into ``stop``; with nothing to do, look again every ``poll`` seconds."""
        while stop.empty():
            if not self.deliver_one():
                with contextlib.suppress(queue.Empty):
                    stop.get(timeout=poll)
                    return

    def drain(self) -> int:
        """Deliver all that is due now and return how many attempts that took."""
        attempts = 0
        while self.deliver_one():
            attempts += 1
        return attempts

    def deliver_one(self) -> bool:
        """Try the delivery that is due the longest; False if none is."""
        claim = outbox.claim(self.database, queue=self.queue, now=self.clock(), lease_for=self.lease_for)
        if claim is None:
            return False
        try:
            self.transport.deliver(self._message(claim))
        except delivery.Refused as refused:
            outbox.dead(self.database, claim, error=str(refused))
        except delivery.DeliveryFailed as failed:
            outbox.failed(self.database, claim, error=str(failed), now=self.clock())
        else:
            outbox.sent(self.database, claim, now=self.clock())
        return True

    def _message(self, claim: outbox.Claim) -> delivery.Message:
        comment = comments.get(self.database, claim.comment_id)
        if comment is None:
            raise delivery.Refused("the comment is gone")
        return delivery.Message(comment_id=comment.id, author=comment.author, body=comment.body)


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    stop: Stop = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stop.put(received))
    chosen = settings.from_environment()
    database = Database(chosen.database)
    worker = Worker(database=database, transport=delivery.to(chosen.deliver_to), queue=chosen.queue)
    print(f"worker of release {chosen.release} sends from queue {chosen.queue!r}", flush=True)
    try:
        worker.run(stop, chosen.poll)
    finally:
        database.close()
    print("worker stopped", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
