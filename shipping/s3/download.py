"""Reads a large object in parallel ranges, ahead of the reader, in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError
from shipping.s3.answers import Answer, Answered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.s3.bucket import Bucket

RANGE = (
    8 * 1024 * 1024
)  # one connection to S3 carries some 90 MB/s; ranges aligned to the upload's parts are the fastest
AHEAD = 4


def stream(bucket: Bucket, key: str) -> Iterator[bytes] | None:
    """Return the chunks of an object, None where there is none. Memory: ``AHEAD`` ranges."""
    try:
        first, total, version = bucket.insist(
            f"read {key!r}", lambda: _head(bucket, key), but=frozenset({Answer.ABSENT})
        )
    except Answered:
        return None
    return _rest(bucket, key, first, total, version)


def _head(bucket: Bucket, key: str) -> tuple[bytes, int, str]:
    try:
        response = bucket.ask("get_object", Key=key, Range=f"bytes=0-{RANGE - 1}")
    except Answered as answered:
        if answered.told.detail.startswith("416"):  # an empty object has no first byte
            return b"", 0, ""
        raise
    total = int(str(response["ContentRange"]).rpartition("/")[2])
    return bucket.receive(response), total, str(response["ETag"])


def _rest(bucket: Bucket, key: str, first: bytes, total: int, version: str) -> Iterator[bytes]:
    if first:
        yield first
    starts = iter(range(len(first), total, RANGE))
    flying: deque[Future[bytes]] = deque()
    if len(first) >= total:
        return
    with ThreadPoolExecutor(AHEAD, thread_name_prefix="download") as pool:
        try:
            for start in starts:
                flying.append(pool.submit(_range, bucket, key, start, min(start + RANGE, total), version))
                if len(flying) > AHEAD:
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _range(bucket: Bucket, key: str, start: int, end: int, version: str) -> bytes:
    def attempt() -> bytes:
        body = bucket.receive(bucket.ask("get_object", Key=key, Range=f"bytes={start}-{end - 1}", IfMatch=version))
        if len(body) != end - start:
            raise Answered(Answer.BROKEN, f"{len(body)} bytes instead of {end - start}")
        return body

    try:
        return bucket.insist(f"read {key!r}", attempt, but=frozenset({Answer.LOST, Answer.ABSENT}))
    except Answered as answered:
        raise InfraError(
            f"could not read {key!r} in bucket {bucket.name!r}: it changed while it was read"
        ) from answered
