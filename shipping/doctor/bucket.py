"""A bucket: whether it is reached, honours conditional writes, and is kept as its contents deserve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline_gen.errors import ShipError
from shipping.doctor import clock as clocks
from shipping.doctor.finding import Finding, flat, ok, unknown, warn, wrong
from shipping.s3.probe import conditions_honoured, date, policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline_gen.clock import Clock
    from shipping.s3 import Bucket


def examine(bucket: Bucket, app: str, clock: Clock) -> Iterator[Finding]:
    """Yield what there is to say. Writes one object of a few bytes, always the same."""
    check = f"bucket {bucket.name}"
    try:
        yield clocks.skew(clock, f"the bucket {bucket.name!r}", date(bucket))
        honoured = conditions_honoured(bucket, f"{app}/doctor/probe")
    except ShipError as error:
        yield wrong(check, flat(error.message), flat(error.hint or "check the endpoint and the network"))
        return
    if honoured:
        yield ok(check, "read, written, and conditional writes are honoured")
    else:
        yield wrong(
            check,
            f"{bucket.endpoint} ignores conditional writes: two writers would undo each other's work",
            "use S3 itself, or a server that honours If-None-Match and If-Match",
        )
    yield from _policy(bucket, check)


def _policy(bucket: Bucket, check: str) -> Iterator[Finding]:
    found = policy(bucket)
    if found.versioned is None:
        yield unknown(f"{check} versioning", "these credentials may not ask", "allow s3:GetBucketVersioning")
    elif found.versioned:
        yield ok(f"{check} versioning", "on")
    else:
        command = f"aws s3api put-bucket-versioning --bucket {bucket.name} --versioning-configuration Status=Enabled"
        yield warn(f"{check} versioning", "off: what is overwritten leaves no trace", command)
    if found.private is None:
        yield unknown(f"{check} public access", "these credentials may not ask", "allow s3:GetBucketPublicAccessBlock")
    elif found.private:
        yield ok(f"{check} public access", "blocked")
    else:
        blocks = ",".join(f"{name}=true" for name in found.open)
        command = f"aws s3api put-public-access-block --bucket {bucket.name} --public-access-block-configuration"
        yield warn(f"{check} public access", f"not blocked ({', '.join(found.open)} off)", f"{command} {blocks}")
