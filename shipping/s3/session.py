"""Opens buckets. Endpoint, region and credentials are found as every AWS tool finds them, unless they are given."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, cast

from shipping.s3.answers import Answer, Told, failure
from shipping.s3.bucket import Bucket, Client
from shipping.s3.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 3
CONNECTIONS = 32


def connect(bucket: str, *, environment: Mapping[str, str] | None = None, patience: Patience | None = None) -> Bucket:
    """Open a bucket; no request is made yet. ``environment`` holds AWS_* variables to use instead of the process's own.

    Raises InfraError where the machine's AWS configuration cannot be used.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    patience = patience or Patience()
    config = Config(  # type: ignore[no-untyped-call]
        connect_timeout=CONNECT_SECONDS,
        read_timeout=patience.silence,
        max_pool_connections=CONNECTIONS,
        # Never the SDK's retries: after a lost answer it would repeat a conditional write that was done, and report the loss
        # of a race against itself.
        retries={"total_max_attempts": 1},
        user_agent_extra="buildkite-ship",
    )
    try:
        client = _session(_relevant(os.environ)).client("s3", config=config, **_given(environment))
    except (BotoCoreError, ValueError) as error:
        # A profile, an endpoint or a file that the AWS tools cannot use either; the words are theirs.
        endpoint = (os.environ if environment is None else environment).get("AWS_ENDPOINT_URL_S3", "AWS")
        raise failure(Told(Answer.UNSET, str(error)), action="connect", bucket=bucket, endpoint=endpoint) from error
    return Bucket(bucket, client, patience=patience)


class Session(Protocol):
    """The SDK's session, as far as it is used here."""

    def client(self, service: str, *, config: object, **given: str | None) -> Client: ...


@lru_cache(maxsize=4)
def _session(_environment: tuple[tuple[str, str], ...]) -> Session:
    """Return a session; loading the service's model takes 0.2 s, so it is shared as long as the environment is the same."""
    import boto3

    return cast("Session", boto3.session.Session())  # type: ignore[no-untyped-call]


def _relevant(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in environment.items() if key.startswith("AWS_") or key == "HOME"))


def _given(environment: Mapping[str, str] | None) -> dict[str, str | None]:
    if environment is None:
        return {}
    return {
        "endpoint_url": environment.get("AWS_ENDPOINT_URL_S3"),
        "region_name": environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"),
        "aws_access_key_id": environment.get("AWS_ACCESS_KEY_ID"),
        "aws_secret_access_key": environment.get("AWS_SECRET_ACCESS_KEY"),
        "aws_session_token": environment.get("AWS_SESSION_TOKEN"),
    }
