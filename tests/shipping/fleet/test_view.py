"""A fleet as people see it, out of a real bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.fleet import acks
from shipping.fleet.view import view
from shipping.lane import keys
from shipping.records.beacon import Beacon, Runs
from shipping.records.lane import Lane, Pointer, Token, Transition

if TYPE_CHECKING:
    from shipping.records.lane import Kind
    from shipping.s3 import Bucket

APP = "inbox"
TOKEN = Token(counter=2)
LANE = Lane(
    environment="us",
    token=TOKEN,
    pointer=Pointer(commit="c" * 40, slug="s" * 64, position=2, token=TOKEN),
)


def beacon(host: str) -> bytes:
    runs = Runs(commit="b" * 40, slug="r" * 64, token=Token(counter=1))
    return Beacon(
        host=host,
        environment="us",
        runs=runs,
        wanted=TOKEN,
        reached="failed",
        why="does not boot",
        at="2026-01-01T00:00:00.000Z",
    ).encode()


def test_every_host_has_a_line(bucket: Bucket) -> None:
    """One that never spoke, one whose words are damaged and one that nobody knows of too."""
    for host in ("a", "stray"):
        bucket.create(keys.beacon(APP, "us", host), beacon(host))
    bucket.create(keys.beacon(APP, "us", "torn"), b"{")
    for state in ("fetched", "triggered"):
        bucket.create(keys.acks(APP, "us", TOKEN, state, "a"), b"")

    rows = {row.host: row for row in view(bucket, LANE, APP, in_service=frozenset({"a", "mute", "torn"}))}

    assert list(rows) == ["a", "mute", "stray", "torn"]
    assert rows["a"].to_json() == {
        "host": "a",
        "in_service": True,
        "wanted": "c" * 40,
        "acked": "triggered",
        "runs": "b" * 40,
        "told": "2026-01-01T00:00:00.000Z",
        "why": "does not boot",
    }
    assert (rows["mute"].why, rows["mute"].runs, rows["mute"].acked) == ("never spoke", None, None)
    assert not rows["stray"].in_service
    assert "truncated or damaged" in rows["torn"].why


def test_a_host_that_failed_and_then_completed_is_complete(bucket: Bucket) -> None:
    """Acks are never taken back: hosts try again."""
    for host, states in {"a": ("fetched", "failed", "complete"), "b": ("fetched", "triggered", "failed")}.items():
        for state in states:
            bucket.create(f"{APP}/acks/us/{TOKEN}/{state}/{host}", b"")

    a, b = view(bucket, LANE, APP, in_service=frozenset({"a", "b"}))

    assert (a.acked, b.acked) == ("complete", "failed")


def test_one_list_counts_the_hosts_of_a_state(bucket: Bucket) -> None:
    """And another environment's or token's acks are not among them."""
    for host in ("a", "b"):
        bucket.create(keys.acks(APP, "us", TOKEN, "triggered", host), b"")
    bucket.create(keys.acks(APP, "us", Token(counter=20), "triggered", "c"), b"")
    bucket.create(keys.acks(APP, "us-east", TOKEN, "triggered", "d"), b"")

    found = acks.read(bucket, APP, "us", [TOKEN], states=["triggered", "failed"])

    assert found == {TOKEN: {"triggered": frozenset("ab"), "failed": frozenset()}}


def test_a_host_past_a_token_is_found_by_the_pointers_that_replaced_it() -> None:
    """A lock in between is no pointer, and has no acks."""
    kinds: dict[int, Kind] = {1: "flip", 2: "flip", 3: "lock", 4: "rollback"}
    moves = [
        Transition(id=str(number), token=Token(counter=number), kind=kind, at="", actor="", reason="", commit=None)
        for number, kind in kinds.items()
    ]
    lane = Lane(environment="us", token=Token(counter=4), transitions=tuple(moves))

    assert acks.since(lane, TOKEN) == (TOKEN, Token(counter=4))
    assert acks.since(LANE, Token(counter=1)) == (Token(counter=1), TOKEN)
