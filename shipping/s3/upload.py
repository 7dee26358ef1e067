"""Creates a large object: parts in parallel while the stream is still being made, completed under a condition."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipeline_gen.errors import ShipError
from shipping.s3.answers import AGAIN, NEVER, Answer, Answered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shipping.s3.bucket import Bucket

PART = 8 * 1024 * 1024  # S3 wants at least 5 MiB and at most 10,000 parts: 80 GB is enough for a layer
AT_ONCE = 4


def put(bucket: Bucket, key: str, chunks: Callable[[], Iterable[bytes]]) -> bool:
    """Create ``key`` from the stream; see `Bucket.put_stream`. A conflict on completion means a new upload."""
    last = NEVER
    for _ in bucket.tries():
        parts = pieces(chunks(), PART)
        first, second = next(parts, b""), next(parts, None)
        if second is None:
            return bucket.write(key, first, IfNoneMatch="*") is not None
        try:
            return _multipart(bucket, key, chain((first, second), parts))
        except Answered as answered:
            last = answered.told
    raise bucket.failure(last, f"write {key!r}")


def pieces(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Cut a stream of chunks of any length into pieces of ``size`` bytes; the last may be shorter."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= size:
            yield bytes(memoryview(waiting)[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)


def _multipart(bucket: Bucket, key: str, parts: Iterable[bytes]) -> bool:
    """Run one upload. Raises Answered where a new one is called for; every way out but success aborts what was sent."""
    mark = uuid4().hex
    begun = bucket.insist(
        f"begin {key!r}", lambda: bucket.ask("create_multipart_upload", Key=key, Metadata={"write": mark})
    )
    upload = str(begun["UploadId"])
    created = False
    try:
        sent = _send(bucket, key, upload, parts)
        created = _complete(bucket, key, upload, sent, mark)
    finally:
        if not created:
            # Left behind only if this fails too: the bucket's lifecycle rule removes it then.
            with suppress(Answered, ShipError):
                bucket.insist(f"abort {key!r}", lambda: bucket.ask("abort_multipart_upload", Key=key, UploadId=upload))
    return created


def _send(bucket: Bucket, key: str, upload: str, parts: Iterable[bytes]) -> list[dict[str, Any]]:
    """Send the parts, a few at once; no more than those are held in memory."""
    done: list[dict[str, Any]] = []
    flying: deque[Future[dict[str, Any]]] = deque()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="upload") as pool:
        try:
            for number, body in enumerate(parts, start=1):
                flying.append(pool.submit(_part, bucket, key, upload, number, body))
                if len(flying) > AT_ONCE:
                    done.append(flying.popleft().result())
            done.extend(future.result() for future in flying)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return done


def _part(bucket: Bucket, key: str, upload: str, number: int, body: bytes) -> dict[str, Any]:
    answer = bucket.insist(
        f"write part {number} of {key!r}",
        lambda: bucket.ask("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=body),
        but=frozenset({Answer.NO_UPLOAD}),
    )
    # S3 answers with the checksum that the SDK added, and wants it named again on completion.
    sums = {name: value for name, value in answer.items() if name.startswith("Checksum") and name != "ChecksumType"}
    return {"PartNumber": number, "ETag": answer["ETag"], **sums}


def _complete(bucket: Bucket, key: str, upload: str, parts: list[dict[str, Any]], mark: str) -> bool:
    last = NEVER
    for _ in bucket.tries():
        try:
            bucket.ask(
                "complete_multipart_upload",
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )
        except Answered as answered:
            last = answered.told
        else:
            return True
        if last.answer is Answer.LOST:
            return bucket.ours(key, mark) is not None
        if last.answer in {Answer.BROKEN, Answer.NO_UPLOAD} and bucket.ours(key, mark) is not None:
            return True  # it was done, its answer was lost
        if last.answer in {Answer.CONFLICT, Answer.NO_UPLOAD}:
            raise Answered(last.answer, last.detail)
        if last.answer not in AGAIN:
            raise bucket.failure(last, f"complete {key!r}")
    raise bucket.failure(last, f"complete {key!r}")
