"""What failed hosts say, out of a real bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.fleet.reasons import reasons
from shipping.lane import keys
from shipping.records.beacon import Beacon
from shipping.records.lane import Token

if TYPE_CHECKING:
    from shipping.s3 import Bucket

APP = "inbox"
TOKEN, EARLIER = Token(counter=2), Token(counter=1)
NO_TABLE = "cannot boot 'web': exit status 1\nok settings\nno such table"


def say(bucket: Bucket, host: str, wanted: Token, why: str) -> None:
    beacon = Beacon(host=host, environment="us", runs=None, wanted=wanted, reached="failed", why=why, at="")
    bucket.create(keys.beacon(APP, "us", host), beacon.encode())


def test_hosts_that_say_the_same_share_a_line(bucket: Bucket) -> None:
    """Its first and its last line; one that says nothing of this token yet is left out, one that cannot be read is not."""
    say(bucket, "a", TOKEN, NO_TABLE)
    say(bucket, "b", TOKEN, NO_TABLE)
    say(bucket, "c", TOKEN, "the disk is full")
    say(bucket, "late", EARLIER, "something else")
    bucket.create(keys.beacon(APP, "us", "torn"), b"{")

    found = reasons(bucket, APP, "us", TOKEN, {"torn", "mute", "late", "c", "b", "a"})

    assert found[:2] == ["a, b: cannot boot 'web': exit status 1 | no such table", "c: the disk is full"]
    assert found[2].startswith("torn: ")
    assert len(found) == 3
