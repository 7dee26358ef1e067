"""What a bucket is like, asked once by those who set it up: its clock, its conditions, its policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from shipping.s3.answers import Answer, Answered

if TYPE_CHECKING:
    from shipping.s3.bucket import Bucket

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """None where the credentials may not ask. ``open`` names the blocks of public access that are off."""

    versioned: bool | None
    private: bool | None
    open: tuple[str, ...] = ()


def date(bucket: Bucket) -> str:
    """Return the Date header of the bucket's answer. Raises what other calls raise where it cannot be listed."""
    answer = bucket.insist("look at it", partial(bucket.ask, "list_objects_v2", MaxKeys=1))
    return str(answer["ResponseMetadata"]["HTTPHeaders"].get("date", ""))


def conditions_honoured(bucket: Bucket, key: str) -> bool:
    """Whether a write whose condition does not hold is refused, of both kinds. Leaves one small object at ``key``."""
    bucket.create(key, b"written by: ship doctor\n")
    fresh = f"written by: ship doctor, {uuid4().hex}\n".encode()
    none, other = {"IfNoneMatch": "*"}, {"IfMatch": f'"{uuid4().hex}"'}
    return all(_refused(bucket, key, fresh, condition) for condition in (none, other))


def _refused(bucket: Bucket, key: str, body: bytes, condition: dict[str, str]) -> bool:
    try:
        bucket.insist(
            f"write {key!r}",
            partial(bucket.ask, "put_object", Key=key, Body=body, **condition),
            but=frozenset({Answer.LOST}),
        )
    except Answered:
        return True
    return False


def policy(bucket: Bucket) -> Policy:
    """Return what S3 tells of the bucket's own settings; a refusal is told as None."""
    versioning = _setting(bucket, "get_bucket_versioning")
    access = _setting(bucket, "get_public_access_block")
    blocks = (access or {}).get("PublicAccessBlockConfiguration") or {}
    off = tuple(name for name in BLOCKS if not blocks.get(name))
    return Policy(
        versioned=None if versioning is None else versioning.get("Status") == "Enabled",
        private=None if access is None else not off,
        open=off if access is not None else (),
    )


def _setting(bucket: Bucket, operation: str) -> dict[str, Any] | None:
    """Return a setting, empty where none is set, None where it may not be asked, or the server does not know the question."""
    try:
        return bucket.insist("read its settings", partial(bucket.ask, operation), but=frozenset(Answer))
    except Answered as answered:
        return {} if answered.answer is Answer.ABSENT else None
