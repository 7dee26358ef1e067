"""What a bucket is like, asked of a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline_gen.errors import InfraError
from shipping.local.objects.faults import Fault
from shipping.s3 import connect
from shipping.s3.probe import BLOCKS, conditions_honoured, date, policy

if TYPE_CHECKING:
    from shipping.local.objects import ObjectServer
    from shipping.s3 import Bucket


def test_conditions_are_honoured_again_and_again(bucket: Bucket) -> None:
    """The probe stays, and is the same after each run."""
    assert [conditions_honoured(bucket, "a/probe") for _ in range(2)] == [True, True]

    (key,) = bucket.list("")
    found = bucket.get(key)
    assert found is not None
    assert found.body == b"written by: ship doctor\n"


@pytest.mark.parametrize("skip", [1, 2])
def test_a_server_that_ignores_one_kind_of_condition_is_seen(bucket: Bucket, objects: ObjectServer, skip: int) -> None:
    """If-None-Match, or If-Match."""
    objects.faults.add(Fault(kind="unconditional", operation="put", bucket=bucket.name, skip=skip))

    assert conditions_honoured(bucket, "a/probe") is False


def test_the_policy_is_what_was_set(bucket: Bucket) -> None:
    assert policy(bucket).open == BLOCKS
    bucket.ask("put_public_access_block", PublicAccessBlockConfiguration={BLOCKS[0]: True})
    found = policy(bucket)

    assert (found.versioned, found.private, found.open) == (False, False, BLOCKS[1:])


def test_who_may_not_ask_is_told_nothing(bucket: Bucket, objects: ObjectServer) -> None:
    """Not that it is off: that it cannot be known."""
    wrong = objects.environment | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    with connect(bucket.name, environment=wrong) as denied:
        found = policy(denied)
        with pytest.raises(InfraError, match="the credentials were refused"):
            date(denied)

    assert (found.versioned, found.private) == (None, None)
