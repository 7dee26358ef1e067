from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.deadline import until
from tests.processes.conftest import Host
from tests.receiver import Receiver

_WRITE = """
import sys, time
from inbox import comments, settings
from inbox.storage import Database
chosen = settings.from_environment()
for body in sys.argv[1:]:
    draft = comments.draft("Anna", body)
    comments.add(Database(chosen.database), draft, now=time.time(), release="r", queue=chosen.queue)
"""


def write(host: Host, *bodies: str) -> None:
    done = host.run("-c", _WRITE, *bodies)
    assert done.returncode == 0, done.stderr


def states(host: Host) -> list[str]:
    with closing(sqlite3.connect(host.environ["INBOX_DATABASE"])) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM outbox ORDER BY comment_id")]


def test_the_worker_sends_and_ends_with_0(migrated: Host, tmp_path: Path) -> None:
    write(migrated, "one", "two")
    worker = migrated.start("-m", "inbox.worker")
    until(lambda: states(migrated) == ["sent", "sent"], "both deliveries")
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(timeout=20) == 0
    assert json.loads((tmp_path / "out" / "comment-2.json").read_text("utf-8"))["body"] == "two"
    assert migrated.log().splitlines() == ["worker of release c0ffee sends from queue 'live'", "worker stopped"]


def test_sigterm_finishes_the_delivery_at_hand(migrated: Host, receiver: Receiver) -> None:
    """And begins no other."""
    receiver.pause = 1.0
    receiver.may_answer.clear()
    migrated.environ["INBOX_DELIVER_TO"] = receiver.url
    write(migrated, "one", "two")
    worker = migrated.start("-m", "inbox.worker")
    until(lambda: receiver.keys, "the first delivery")
    worker.send_signal(signal.SIGTERM)
    receiver.may_answer.set()

    assert worker.wait(timeout=20) == 0
    assert receiver.keys == ["comment-1"]
    assert states(migrated) == ["sent", "queued"]


def test_a_worker_that_is_killed_leaves_its_delivery_to_the_next(migrated: Host, receiver: Receiver) -> None:
    """Under the same key: the receiver can tell that it has it."""
    receiver.pause = 30
    migrated.environ["INBOX_DELIVER_TO"] = receiver.url
    write(migrated, "one")
    killed = migrated.start("-m", "inbox.worker")
    until(lambda: receiver.keys, "the first delivery")
    killed.kill()
    killed.wait()
    receiver.pause = 0
    with closing(sqlite3.connect(migrated.environ["INBOX_DATABASE"])) as connection, connection:
        connection.execute("UPDATE outbox SET due_at = 0")  # the end of the lease, without the minute of waiting for it

    migrated.start("-m", "inbox.worker")

    until(lambda: states(migrated) == ["sent"], "the second delivery")
    assert receiver.keys == ["comment-1", "comment-1"]


def test_preproduction_leaves_production_alone(migrated: Host, receiver: Receiver) -> None:
    migrated.environ["INBOX_DELIVER_TO"] = receiver.url
    write(migrated, "from a customer")
    migrated.environ["SHIP_ENVIRONMENT"] = "preprod"
    write(migrated, "from a check")
    migrated.start("-m", "inbox.worker")

    until(lambda: states(migrated) == ["queued", "sent"], "the delivery of the check's comment")
    assert receiver.keys == ["comment-2"]
