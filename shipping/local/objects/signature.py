"""Checks a request's AWS signature (version 4) against the one pair of keys that this server knows."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/s3/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """An access key and its secret."""

    access_key: str
    secret_key: str

    @classmethod
    def random(cls) -> Keys:
        return cls(access_key=f"AKIA{secrets.token_hex(8).upper()}", secret_key=secrets.token_urlsafe(30))


def refusal(keys: Keys, *, method: str, url: str, headers: Mapping[str, str]) -> str | None:
    """Return S3's error code for a request that is not signed with these keys, None for one that is."""
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        return "AccessDenied"
    if not hmac.compare_digest(found["key"], keys.access_key):
        return "InvalidAccessKeyId"
    signed = {name: headers[name] for name in found["headers"].split(";") if name in headers}
    if "host" not in signed or "x-amz-content-sha256" not in signed or "x-amz-date" not in signed:
        return "AccessDenied"
    expected = _signature(keys, found["region"], method=method, url=url, headers=signed)
    return None if hmac.compare_digest(found["signature"], expected) else "SignatureDoesNotMatch"


def _signature(keys: Keys, region: str, *, method: str, url: str, headers: Mapping[str, str]) -> str:
    request = AWSRequest(method=method, url=url, headers=dict(headers))  # type: ignore[no-untyped-call]
    request.context["timestamp"] = headers["x-amz-date"]
    credentials = Credentials(keys.access_key, keys.secret_key)  # type: ignore[no-untyped-call]
    auth = S3SigV4Auth(credentials, "s3", region)  # type: ignore[no-untyped-call]
    canonical = auth.canonical_request(request)  # type: ignore[no-untyped-call]
    text = auth.string_to_sign(request, canonical)  # type: ignore[no-untyped-call]
    return str(auth.signature(text, request))  # type: ignore[no-untyped-call]
