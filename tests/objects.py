"""The S3 server that the tests share, and buckets of a test's own in it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from pipeline_gen.clock import ManualClock
from shipping.local.objects import ObjectServer, running
from shipping.s3 import Bucket, connect
from shipping.s3.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.s3.bucket import Client


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectServer]:
    """One server for all tests of a run: it takes half a second to load."""
    with running() as server:
        yield server


@pytest.fixture
def objects(object_server: ObjectServer) -> Iterator[ObjectServer]:
    """Return the server, without faults; a fault that was injected and did not strike fails the test."""
    object_server.faults.clear()
    yield object_server
    left = object_server.faults.pending
    object_server.faults.clear()
    # A client that met a broken connection closes the others only when it is collected.
    object_server.hang_up()
    assert left == 0, "a fault was injected that never struck"


@contextmanager
def own_bucket(server: ObjectServer) -> Iterator[Bucket]:
    """Open a bucket that no other test uses; its pauses take no time.

    The client below is shared: making one takes longer than most tests. Its connections end with the test, in `objects`.
    """
    name = f"test-{uuid4().hex[:12]}"
    server.create_bucket(name)
    yield Bucket(name, _client(server), patience=Patience(clock=ManualClock()))


@lru_cache(maxsize=1)
def _client(server: ObjectServer) -> Client:
    return connect("shared", environment=server.environment)._client


@pytest.fixture
def bucket(objects: ObjectServer) -> Iterator[Bucket]:
    with own_bucket(objects) as bucket:
        yield bucket
