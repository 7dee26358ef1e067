"""The bucket against a server that misbehaves: what was asked is done exactly once, or it is said why not."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.clock import ManualClock
from pipeline_gen.errors import InfraError, UsageError
from shipping.local.objects import Fault, ObjectServer
from shipping.s3 import Bucket, connect
from shipping.s3.patience import PAUSES, Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shipping.local.objects.faults import Kind

MB = 1024 * 1024
PASSING: list[Kind] = ["409", "500", "503", "delay", "cut-before", "cut-after"]


def faulty(objects: ObjectServer, kind: Kind, operation: str, *, times: int | None = 1, skip: int = 0) -> None:
    seconds = 0.05 if kind == "delay" else 0.0
    objects.faults.add(Fault(kind=kind, operation=operation, times=times, skip=skip, seconds=seconds))


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("times", [1, 3])
def test_create_is_done_in_spite_of(objects: ObjectServer, bucket: Bucket, kind: Kind, times: int) -> None:
    """A fault that passes is not seen by the caller, whether the write was done before it or not."""
    faulty(objects, kind, "put", times=1 if kind in {"cut-after", "delay"} else times)

    assert bucket.create("key", b"ours") is True
    assert _body(bucket, "key") == b"ours"


@pytest.mark.parametrize("kind", PASSING)
def test_replace_is_done_once_in_spite_of(objects: ObjectServer, bucket: Bucket, kind: Kind) -> None:
    """The compare-and-swap wins, and the version it returns is the current one."""
    version = bucket.replace("lane", b"1", version=None)
    faulty(objects, kind, "put")

    version = bucket.replace("lane", b"2", version=version)

    assert version is not None
    assert bucket.replace("lane", b"3", version=version) is not None
    assert _body(bucket, "lane") == b"3"


@pytest.mark.parametrize("kind", ["409", "cut-before", "503"])
def test_a_write_that_was_not_done_and_is_overtaken_is_lost(objects: ObjectServer, bucket: Bucket, kind: Kind) -> None:
    """Asking again does not overwrite what somebody else wrote in between."""
    clock = _Meddling(lambda: other.replace("lane", b"theirs", version=version))
    with connect(bucket.name, environment=objects.environment) as other:
        version = other.replace("lane", b"1", version=None)
        faulty(objects, kind, "put")
        with connect(bucket.name, environment=objects.environment, patience=Patience(clock=clock)) as ours:
            assert ours.replace("lane", b"ours", version=version) is None
        assert _body(other, "lane") == b"theirs"


def test_equal_bytes_of_another_writer_are_not_ours(objects: ObjectServer, bucket: Bucket) -> None:
    """After a lost answer the mark decides, not the bytes: two writers of equal bytes have one winner."""
    version = bucket.replace("lane", b"1", version=None)
    clock = _Meddling(lambda: bucket.replace("lane", b"2", version=version))
    faulty(objects, "cut-before", "put")

    with connect(bucket.name, environment=objects.environment, patience=Patience(clock=clock)) as ours:
        assert ours.replace("lane", b"2", version=version) is None


@pytest.mark.parametrize("skip", [0, 1])
def test_an_answer_that_comes_too_late(objects: ObjectServer, bucket: Bucket, skip: int) -> None:
    """A write that timed out is still on its way when it is asked for again: whichever comes first, we won, once."""
    clock = ManualClock()
    with connect(bucket.name, environment=objects.environment, patience=Patience(clock=clock, silence=0.2)) as hasty:
        objects.faults.add(Fault(kind="delay", operation="put", seconds=0.5, skip=skip))
        created = hasty.replace("lane", b"1", version=None)
        replaced = hasty.replace("lane", b"2", version=created)

        assert created is not None
        assert replaced is not None
        assert hasty.replace("lane", b"3", version=replaced) is not None
        assert _body(hasty, "lane") == b"3"


def test_a_late_write_that_lands_before_it_is_repeated(objects: ObjectServer, bucket: Bucket) -> None:
    """Then the repetition loses, against ourselves: that is a win."""
    version = bucket.replace("lane", b"1", version=None)
    landed = _Meddling(lambda: _until(lambda: _body(bucket, "lane") == b"2"))
    with connect(bucket.name, environment=objects.environment, patience=Patience(clock=landed, silence=0.2)) as hasty:
        objects.faults.add(Fault(kind="delay", operation="put", seconds=0.6))

        assert hasty.replace("lane", b"2", version=version) is not None


def test_a_lost_race_is_not_repeated(objects: ObjectServer, bucket: Bucket) -> None:
    """412 is an answer."""
    version = bucket.replace("lane", b"1", version=None)
    faulty(objects, "412", "put")

    assert bucket.replace("lane", b"2", version=version) is None
    assert len(objects.faults.seen("put", bucket=bucket.name)) == 2


@pytest.mark.parametrize("kind", ["409", "cut-before", "cut-after", "503"])
def test_racing_writers_with_faults_have_one_winner(objects: ObjectServer, bucket: Bucket, kind: Kind) -> None:
    """Eight writers, three of whom meet a fault: one is told that it won, and it is the one whose body is there."""
    for number in range(4):
        key = f"race/{number}"
        version = bucket.replace(key, b"start", version=None)
        faulty(objects, kind, "put", times=3)
        with ThreadPoolExecutor(8) as pool:
            won = list(
                pool.map(
                    lambda writer, key=key, version=version: bucket.replace(key, b"%d" % writer, version=version),
                    range(8),
                )
            )
        winners = [writer for writer, new in enumerate(won) if new is not None]

        assert len(winners) == 1
        assert _body(bucket, key) == b"%d" % winners[0]


@pytest.mark.parametrize("kind", ["500", "503", "cut-before", "cut-after", "cut-half"])
def test_a_poll_is_one_request(objects: ObjectServer, bucket: Bucket, kind: Kind) -> None:
    """It fails at once: whoever polls asks again anyway, and has other things to do until then."""
    bucket.create("key", b"x" * 100_000)
    faulty(objects, kind, "get")

    with pytest.raises(InfraError, match="could not read 'key'"):
        bucket.poll("key", known=None)
    assert len(objects.faults.seen("get", bucket=bucket.name)) == 1


@pytest.mark.parametrize("kind", ["500", "503", "delay", "cut-before", "cut-after", "cut-half"])
def test_reads_are_repeated(objects: ObjectServer, bucket: Bucket, kind: Kind) -> None:
    """Reading is safe to repeat, a body that broke off in the middle included."""
    bucket.create("key", b"x" * 100_000)
    faulty(objects, kind, "get")
    faulty(objects, kind, "list")

    assert _body(bucket, "key") == b"x" * 100_000
    assert list(bucket.list("")) == ["key"]


def test_lists_of_many_pages(objects: ObjectServer, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list goes on page after page; a page that fails is asked for again."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    for number in range(25):
        bucket.create(f"k/{number:04}", b"")
    faulty(objects, "cut-half", "list", skip=1)

    assert list(bucket.list("k/")) == [f"k/{number:04}" for number in range(25)]
    assert len(objects.faults.seen("list", bucket=bucket.name)) == 4


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("503", "begin"),
        ("cut-after", "begin"),
        ("503", "part"),
        ("cut-before", "part"),
        ("cut-after", "part"),
        ("409", "complete"),
        ("500", "complete"),
        ("503", "complete"),
        ("cut-before", "complete"),
        ("cut-after", "complete"),
    ],
)
def test_large_uploads_are_done_in_spite_of(objects: ObjectServer, bucket: Bucket, kind: Kind, operation: str) -> None:
    """Every request of an upload may fail once; the object is whole, and reported as created."""
    faulty(objects, kind, operation)

    assert bucket.put_stream("blob", _chunks) is True
    assert b"".join(bucket.open("blob") or ()) == b"".join(_chunks())


def test_a_completion_whose_answer_was_lost_is_looked_up(objects: ObjectServer, bucket: Bucket) -> None:
    """It was done: it is neither asked for again nor uploaded again."""
    faulty(objects, "cut-after", "complete")

    assert bucket.put_stream("blob", _chunks) is True
    assert len(objects.faults.seen("complete", bucket=bucket.name)) == 1
    assert len(objects.faults.seen("begin", bucket=bucket.name)) == 1


def test_a_conflict_on_completion_is_a_new_upload(objects: ObjectServer, bucket: Bucket) -> None:
    """S3 wants the parts again after a 409; the upload that was given up is aborted."""
    faulty(objects, "409", "complete")

    bucket.put_stream("blob", _chunks)

    assert len(objects.faults.seen("begin", bucket=bucket.name)) == 2
    assert len(objects.faults.seen("abort", bucket=bucket.name)) == 1


def test_racing_uploads_have_one_winner(bucket: Bucket) -> None:
    """Completion is conditional: of four uploads of one key, one creates it."""
    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(lambda _: bucket.put_stream("blob", _chunks), range(4)))

    assert won.count(True) == 1


def test_a_stream_that_fails_leaves_nothing(objects: ObjectServer, bucket: Bucket) -> None:
    """What the maker of the stream raises comes out, and what was sent is aborted."""

    def broken() -> Iterator[bytes]:
        yield b"x" * (9 * MB)
        yield b"x" * (9 * MB)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bucket.put_stream("blob", broken)

    assert bucket.size("blob") is None
    assert len(objects.faults.seen("abort", bucket=bucket.name)) == 1


@pytest.mark.parametrize("kind", ["503", "cut-before", "cut-half"])
def test_large_reads_are_repeated_by_range(objects: ObjectServer, bucket: Bucket, kind: Kind) -> None:
    """A range that fails is asked for again; the bytes come whole and in order."""
    bucket.put_stream("blob", _chunks)
    faulty(objects, kind, "get", skip=1, times=2)

    assert b"".join(bucket.open("blob") or ()) == b"".join(_chunks())


def test_a_reader_that_stops_early(bucket: Bucket) -> None:
    """Closing the stream ends the requests ahead of it."""
    bucket.put_stream("blob", _chunks)
    stream = bucket.open("blob")
    assert stream is not None

    assert next(stream)[:1] == b"a"
    stream.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["503", "cut-before", "500"])
def test_an_outage_is_told(objects: ObjectServer, bucket: Bucket, kind: Kind) -> None:
    """After bounded tries the error names bucket and endpoint, and the exit status says that it is safe to retry."""
    faulty(objects, kind, "*", times=None)

    with pytest.raises(InfraError) as told:
        bucket.get("key")

    assert bucket.name in str(told.value)
    assert objects.url in str(told.value)
    assert len(objects.faults.seen("get", bucket=bucket.name)) == len(PAUSES) + 1


def test_nobody_listens(objects: ObjectServer) -> None:
    """An unreachable endpoint is infrastructure."""
    environment = {**objects.environment, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}
    with (
        connect("acme-us", environment=environment, patience=Patience(clock=ManualClock())) as bucket,
        pytest.raises(InfraError, match=r"could not write 'a' in bucket 'acme-us' at 'http://127\.0\.0\.1:9'"),
    ):
        bucket.create("a", b"")


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials(objects: ObjectServer, bucket: Bucket, wrong: str) -> None:
    """One clear message with a hint; neither key is in it; nothing is written or read."""
    environment = {**objects.environment, wrong: "AKIAWRONG0WRONG"}
    with connect(bucket.name, environment=environment) as stranger:
        for action in (lambda: stranger.create("a", b""), lambda: stranger.get("a"), lambda: list(stranger.list(""))):
            with pytest.raises(InfraError, match="credentials were refused") as told:
                action()
            assert told.value.hint is not None
            assert "WRONG" not in str(told.value)
            assert objects.keys.secret_key not in str(told.value)
    assert list(bucket.list("")) == []


def test_no_such_bucket(objects: ObjectServer) -> None:
    """A bucket that does not exist is a wrong configuration: retrying does not help."""
    with (
        connect("nobodys-bucket", environment=objects.environment) as bucket,
        pytest.raises(UsageError, match="no such bucket"),
    ):
        bucket.create("a", b"")


def test_no_credentials(objects: ObjectServer, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """A machine without credentials is told how to get some, without waiting for a metadata service."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment = {"AWS_ENDPOINT_URL_S3": objects.url, "AWS_REGION": "us-east-1"}
    with connect("acme-us", environment=environment) as bucket, pytest.raises(InfraError, match="credentials") as told:
        bucket.get("a")

    assert told.value.hint is not None


@pytest.mark.parametrize(
    ("name", "value"), [("AWS_PROFILE", "no-such-profile"), ("AWS_ENDPOINT_URL_S3", "not an address")]
)
def test_a_configuration_that_aws_cannot_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    """Told in AWS's words, with the bucket that was wanted."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(name, value)

    with pytest.raises(InfraError, match=f"'acme-us'.*{value}"):
        connect("acme-us")


class _Meddling(ManualClock):
    """A clock whose first pause somebody else uses."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        super().__init__()
        self._meddle: Callable[[], object] | None = meddle

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        meddle, self._meddle = self._meddle, None
        if meddle is not None:
            meddle()


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _chunks() -> Iterator[bytes]:
    for letter in b"abcdefghij":
        yield bytes([letter]) * (2 * MB + 3)


def _body(bucket: Bucket, key: str) -> bytes | None:
    stored = bucket.get(key)
    return None if stored is None else stored.body
