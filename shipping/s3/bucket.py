"""One bucket as a store: create-only writes, compare-and-swap, reads and lists of small objects."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar
from uuid import uuid4

from pipeline_gen.errors import InfraError
from pipeline_gen.ports import Stored
from shipping.s3 import download, upload
from shipping.s3.answers import AGAIN, NEVER, Answer, Answered, Told, failure, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    from shipping.s3.patience import Patience

T = TypeVar("T")

# Every write carries a mark of its own, so that after a lost answer it can be told whether what is there was ours.
MARK = "write"


class Meta(Protocol):
    """What a client of the SDK knows of itself."""

    endpoint_url: str


class Client(Protocol):
    """The SDK's client, whose operations have no types of their own."""

    meta: Meta

    def close(self) -> None: ...


class Bucket:
    """A `VersionedStore` over one S3 bucket, and the moves of large objects. Safe to use from several threads."""

    def __init__(self, name: str, client: Client, *, patience: Patience) -> None:
        self.name = name
        self._client = client
        self._patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept alive."""
        self._client.close()

    @property
    def endpoint(self) -> str:
        return self._client.meta.endpoint_url

    # -- the ports -----------------------------------------------------------------------------------------------------

    def create(self, key: str, body: bytes) -> bool:
        """Write ``key`` only if it does not exist. True: this body is there now; False: another one is."""
        for _ in self.tries():
            if self.write(key, body, IfNoneMatch="*") is not None:
                return True
            found = self.get(key)
            if found is not None:  # else it was deleted after we lost to it
                return found.body == body
        raise InfraError(f"could not create {key!r} in bucket {self.name!r}: it appears and disappears")

    def get(self, key: str) -> Stored | None:
        """Return the object, or None where there is none."""

        def attempt() -> Stored:
            response = self.ask("get_object", Key=key)
            return Stored(body=self.receive(response), version=str(response["ETag"]))

        return self._unless_absent(f"read {key!r}", attempt)

    def poll(self, key: str, *, known: str | None) -> Stored | Literal["unchanged"] | None:
        """Return the object, "unchanged" where it still is the version ``known``, or None where there is none.

        One request and no other: whoever polls asks again anyway. Raises InfraError where the answer was none of these.
        """
        condition = {} if known is None else {"IfNoneMatch": known}
        try:
            response = self.ask("get_object", Key=key, **condition)
            return Stored(body=self.receive(response), version=str(response["ETag"]))
        except Answered as answered:
            if answered.answer is Answer.SAME:
                return "unchanged"
            if answered.answer is Answer.ABSENT:
                return None
            raise self.failure(answered.told, f"read {key!r}") from None

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in ascending order; pages are fetched as they are needed."""
        more: dict[str, str] = {}
        while True:
            page = self.insist(f"list {prefix!r}", partial(self.ask, "list_objects_v2", Prefix=prefix, **more))
            yield from (str(entry["Key"]) for entry in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": str(page["NextContinuationToken"])}

    def replace(self, key: str, body: bytes, *, version: str | None) -> str | None:
        """Write ``key`` if its version is still ``version`` (None: it must not exist). Return the new version, None if lost.

        A version is S3's ETag: equal bytes have equal versions, so a body that must not be taken for an older one says so
        itself (a counter, an id). None is also returned where our write was done, its answer was lost, and somebody has
        written again since: read and decide again.
        """
        return self.write(key, body, **({"IfNoneMatch": "*"} if version is None else {"IfMatch": version}))

    # -- large objects -------------------------------------------------------------------------------------------------

    def size(self, key: str) -> int | None:
        """Return an object's bytes, None where there is none."""
        return self._unless_absent(f"look at {key!r}", lambda: int(self.ask("head_object", Key=key)["ContentLength"]))

    def put_stream(self, key: str, chunks: Callable[[], Iterable[bytes]]) -> bool:
        """Create a large object in parallel parts. True: created; False: one was there (its bytes are not compared).

        ``chunks`` begins the stream, anew each time an upload has to be repeated. What it raises aborts the upload.
        """
        return upload.put(self, key, chunks)

    def open(self, key: str) -> Iterator[bytes] | None:
        """Return an object as chunks, fetched in parallel ranges ahead of the reader; None where there is none."""
        return download.stream(self, key)

    # -- one request, or several until it is done (used by `upload` and `download` too) --------------------------------

    def tries(self) -> Iterator[int]:
        return self._patience.tries()

    def ask(self, operation: str, **parameters: object) -> dict[str, Any]:
        """Make one request. Raises Answered."""
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self.name, **parameters)
        except Exception as error:
            raise read(error) from error
        return answer

    def receive(self, response: Mapping[str, Any]) -> bytes:
        """Read the body of a response to its end. Raises Answered where the connection broke in the middle."""
        try:
            with closing(response["Body"]) as body:
                return bytes(body.read())
        except Exception as error:
            raise read(error) from error

    def insist(self, action: str, attempt: Callable[[], T], *, but: frozenset[Answer] = frozenset()) -> T:
        """Repeat what may be repeated safely. ``but``: answers left to the caller, as Answered."""
        last = NEVER
        for _ in self.tries():
            try:
                return attempt()
            except Answered as answered:
                if answered.answer in but:
                    raise
                if answered.answer not in AGAIN:
                    raise self.failure(answered.told, action) from None
                last = answered.told
        raise self.failure(last, action)

    def write(self, key: str, body: bytes, **condition: str) -> str | None:
        """Put an object under a condition, and know exactly whether it was done. Return its version, None if lost."""
        mark = uuid4().hex
        last = NEVER
        for _ in self.tries():
            try:
                done = self.ask("put_object", Key=key, Body=body, Metadata={MARK: mark}, **condition)
                return str(done["ETag"])
            except Answered as answered:
                if answered.answer in {Answer.LOST, Answer.ABSENT}:
                    # Only after an answer was lost can the race have been lost against ourselves.
                    return self.ours(key, mark) if last is not NEVER else None
                if answered.answer not in AGAIN:
                    raise self.failure(answered.told, f"write {key!r}") from None
                if answered.answer is Answer.BROKEN:
                    version = self.ours(key, mark)
                    if version is not None:
                        return version
                last = answered.told
        raise self.failure(last, f"write {key!r}")

    def ours(self, key: str, mark: str) -> str | None:
        """Return the object's version if the write with this mark made it."""
        head = self._unless_absent(f"write {key!r}", lambda: self.ask("head_object", Key=key))
        if head is None or head.get("Metadata", {}).get(MARK) != mark:
            return None
        return str(head["ETag"])

    def failure(self, told: Told, action: str) -> Exception:
        return failure(told, action=action, bucket=self.name, endpoint=self.endpoint)

    def _unless_absent(self, action: str, attempt: Callable[[], T]) -> T | None:
        try:
            return self.insist(action, attempt, but=frozenset({Answer.ABSENT}))
        except Answered:
            return None
