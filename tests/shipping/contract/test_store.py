"""What every store does, held to by the bucket (against a real server) and by the store in memory alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, Protocol

import pytest

from pipeline_gen.ports import Stored, VersionedStore
from shipping.memory import MemoryStore
from tests.objects import own_bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shipping.local.objects import ObjectServer


class ObjectStore(VersionedStore, Protocol):
    """The ports, and the large objects beside them."""

    def poll(self, key: str, *, known: str | None) -> Stored | Literal["unchanged"] | None: ...

    def size(self, key: str) -> int | None: ...

    def put_stream(self, key: str, chunks: Callable[[], Iterable[bytes]]) -> bool: ...

    def open(self, key: str) -> Iterator[bytes] | None: ...


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest, objects: ObjectServer) -> Iterator[ObjectStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with own_bucket(objects) as bucket:
        yield bucket


def test_create_writes_what_is_not_there(store: ObjectStore) -> None:
    """A created object is read back, byte for byte."""
    created = store.create("app/a.json", b"\x00one")

    assert created
    assert _body(store, "app/a.json") == b"\x00one"


def test_create_never_overwrites(store: ObjectStore) -> None:
    """The second body loses and the first stays."""
    store.create("app/a.json", b"one")

    assert store.create("app/a.json", b"two") is False
    assert _body(store, "app/a.json") == b"one"


def test_create_of_the_same_bytes_is_done(store: ObjectStore) -> None:
    """Whoever creates what is there already has what they wanted."""
    store.create("app/a.json", b"one")

    assert store.create("app/a.json", b"one") is True


def test_get_of_nothing(store: ObjectStore) -> None:
    """What is not there is None, not an error."""
    assert store.get("app/none.json") is None
    assert store.size("app/none.json") is None
    assert store.open("app/none.json") is None


def test_polling_reads_only_what_changed(store: ObjectStore) -> None:
    """Nothing, then the body, then that it is unchanged, then the next body."""
    assert store.poll("lane", known=None) is None
    version = store.replace("lane", b"1", version=None)

    assert store.poll("lane", known=None) == Stored(body=b"1", version=version or "")
    assert store.poll("lane", known=version) == "unchanged"
    following = store.replace("lane", b"2", version=version)
    assert store.poll("lane", known=version) == Stored(body=b"2", version=following or "")


def test_list_is_ascending_and_only_the_prefix(store: ObjectStore) -> None:
    """Keys come in the order of their bytes; a prefix ends anywhere in a name."""
    for key in ("app/b", "app/a/2", "app/a/1", "apple", "other/x", "app/B"):
        store.create(key, b"")

    assert list(store.list("app/")) == ["app/B", "app/a/1", "app/a/2", "app/b"]
    assert list(store.list("app")) == ["app/B", "app/a/1", "app/a/2", "app/b", "apple"]
    assert list(store.list("none/")) == []


def test_keys_with_odd_characters(store: ObjectStore) -> None:
    """A key is text, not a URL."""
    key = "app/a b+c%2F é=&?#.json"
    store.create(key, b"x")

    assert _body(store, key) == b"x"
    assert list(store.list("app/a b")) == [key]


def test_replace_of_the_version_that_was_read(store: ObjectStore) -> None:
    """A replace that names the current version wins and returns the next one."""
    store.create("lane", b"1")
    first = _version(store, "lane")

    second = store.replace("lane", b"2", version=first)

    assert second is not None
    assert second != first
    assert store.get("lane") == Stored(body=b"2", version=second)


def test_replace_of_an_older_version_is_lost(store: ObjectStore) -> None:
    """Who read before another wrote is told, and nothing is overwritten."""
    store.create("lane", b"1")
    first = _version(store, "lane")
    store.replace("lane", b"2", version=first)

    assert store.replace("lane", b"3", version=first) is None
    assert _body(store, "lane") == b"2"


def test_replace_of_none_only_creates(store: ObjectStore) -> None:
    """Version None means that it must not exist."""
    assert store.replace("lane", b"1", version=None) is not None
    assert store.replace("lane", b"1", version=None) is None
    assert _body(store, "lane") == b"1"


def test_replace_of_what_is_gone_is_lost(store: ObjectStore) -> None:
    """A version of nothing does not hold."""
    assert store.replace("lane", b"1", version='"0123"') is None
    assert store.get("lane") is None


@pytest.mark.parametrize("writers", [8])
def test_racing_creators_have_one_winner(store: ObjectStore, writers: int) -> None:
    """Of many who create one key at once, one wins, and its body is the one that is there."""
    for number in range(5):
        key = f"race/{number}"
        with ThreadPoolExecutor(writers) as pool:
            won = list(pool.map(lambda writer, key=key: store.create(key, str(writer).encode()), range(writers)))

        assert won.count(True) == 1
        assert _body(store, key) == str(won.index(True)).encode()


def test_racing_replacers_lose_nothing(store: ObjectStore) -> None:
    """Forty increments by eight writers make forty."""
    store.create("counter", b"0")

    def add(_: int) -> None:
        for _ in range(5):
            while True:
                stored = store.get("counter")
                assert stored is not None
                if store.replace("counter", str(int(stored.body) + 1).encode(), version=stored.version):
                    break

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))

    assert _body(store, "counter") == b"40"


@pytest.mark.parametrize("sizes", [[0], [5], [8 * 1024 * 1024], [3 * 1024 * 1024] * 9, [20 * 1024 * 1024 + 7]])
def test_streams_of_any_length(store: ObjectStore, sizes: list[int]) -> None:
    """A stream is stored whole, whatever its chunks, and read back in order."""
    chunks = [bytes([number + 1]) * size for number, size in enumerate(sizes)]

    assert store.put_stream("blob", lambda: iter(chunks)) is True
    assert store.size("blob") == sum(sizes)
    assert b"".join(store.open("blob") or ()) == b"".join(chunks)


@pytest.mark.parametrize("size", [10, 9 * 1024 * 1024])
def test_a_stream_never_overwrites(store: ObjectStore, size: int) -> None:
    """Large objects are created only, too; the bytes of one that is there are not compared."""
    store.put_stream("blob", lambda: iter([b"a" * size]))

    assert store.put_stream("blob", lambda: iter([b"b" * size])) is False
    assert next(store.open("blob") or iter([b""]))[:1] == b"a"


def _body(store: ObjectStore, key: str) -> bytes | None:
    stored = store.get(key)
    return None if stored is None else stored.body


def _version(store: ObjectStore, key: str) -> str | None:
    stored = store.get(key)
    return None if stored is None else stored.version
