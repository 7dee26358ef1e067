from __future__ import annotations

import threading
import time

from inbox import comments, outbox
from inbox.delivery import Webhook
from inbox.storage import Database
from inbox.worker import Worker
from tests.receiver import Receiver

CUSTOMERS, EACH, WORKERS = 6, 20, 3


def test_in_a_rush_every_comment_is_sent_exactly_once(database: Database, receiver: Receiver) -> None:
    """Customers write while workers send, on one database, for about four seconds."""
    receiver.pause = 0.1
    over = threading.Event()
    written: list[int] = []

    def customer(number: int) -> None:
        own = Database(database.path)
        for turn in range(EACH):
            draft = comments.draft(f"customer {number}", f"comment {turn}")
            written.append(comments.add(own, draft, now=time.time(), release=f"r{turn % 2}", queue="live").id)
            time.sleep(0.2)
        own.close()

    def send() -> None:
        own = Database(database.path)
        worker = Worker(database=own, transport=Webhook(url=receiver.url), queue="live")
        while worker.deliver_one() or not over.wait(0.02):
            pass
        own.close()

    workers = [threading.Thread(target=send) for _ in range(WORKERS)]
    customers = [threading.Thread(target=customer, args=(number,)) for number in range(CUSTOMERS)]
    for thread in [*workers, *customers]:
        thread.start()
    for thread in customers:
        thread.join()
    over.set()
    for thread in workers:
        thread.join()

    assert len(set(written)) == CUSTOMERS * EACH
    assert sorted(receiver.keys) == sorted(f"comment-{number}" for number in written)
    assert outbox.counts(database, queue="live") == {"queued": 0, "sent": CUSTOMERS * EACH, "dead": 0}
    assert sum(comments.created_by_release(database).values()) == CUSTOMERS * EACH
