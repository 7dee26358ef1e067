"""A KMS on loopback, with keys of a test's own."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECRET = "very-secret"


@contextmanager
def serving(keys: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Serve KMS with a signing key of each alias and spec; yield the AWS_* variables that lead to it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = boto3.client(  # type: ignore[no-untyped-call]
            "kms",
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            aws_access_key_id="id",
            aws_secret_access_key=SECRET,
        )
        for alias, spec in keys.items():
            key = client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
            client.create_alias(AliasName=f"alias/{alias}", TargetKeyId=key)
        yield {
            "AWS_ENDPOINT_URL_KMS": f"http://{host}:{port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }
        # The emulator keeps them for the whole process, not for this server.
        for alias in keys:
            client.delete_alias(AliasName=f"alias/{alias}")
        client.close()
    finally:
        server.stop()
