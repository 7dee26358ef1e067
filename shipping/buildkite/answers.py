"""What an answer of the REST API means: again, and after how long; or which of our errors, for a person to act on.

ShipError
├── UsageError  401, 403: the token
├── Declined    other 4xx (a Refused)
│   ├── Absent  404: not there, or not for this token to see
│   └── Invalid 422: which field, and what is wrong with it
└── InfraError  429, 5xx, no answer
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from pipeline_gen.errors import InfraError, Refused, ShipError, UsageError
from shipping.buildkite.scopes import scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_PAUSE = 65.0  # the rate limit's window is a minute
TOKENS = "https://buildkite.com/user/api-access-tokens"


class Declined(Refused):
    """The API's own no; ``said`` is its reason, for whoever can say better what was attempted."""

    def __init__(self, message: str, *, said: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.said = said


class Absent(Declined):
    """There is no such thing; Buildkite says the same of what the token's owner may not see."""


class Invalid(Declined):
    """What was sent cannot be; nothing was changed."""


LIMITS = "the rate limit (50 calls a minute per user, 200 per organization) is used up: try again in a minute"
DECLINED: dict[int, tuple[type[Declined], str]] = {
    404: (Absent, "check its name and the organization's; what the token's owner may not see is not found either"),
    422: (Invalid, "nothing was changed: correct what it names, then run it again"),
}


def again(failed: requests.Response | requests.RequestException, *, repeatable: bool) -> bool:
    """Whether the same call may be made once more."""
    if isinstance(failed, requests.Response):
        return failed.status_code == 429 or (failed.status_code >= 500 and repeatable)
    return repeatable or isinstance(failed, requests.ConnectTimeout)


def pause(failed: requests.Response | requests.RequestException, otherwise: float) -> float:
    """Return the seconds to wait first: what the server says of the limit that was met, else ``otherwise``."""
    if not isinstance(failed, requests.Response):
        return otherwise
    asked = failed.headers.get("Retry-After") or _reset(failed.headers)
    return min(float(asked), LONGEST_PAUSE) if asked.isdigit() else otherwise


def _reset(headers: Mapping[str, str]) -> str:
    # Two limits count each call, the user's and the organization's; only the one that is used up says when to go on.
    met = [kind for kind in ("RateLimit-User", "RateLimit") if headers.get(f"{kind}-Remaining") == "0"]
    return headers.get(f"{met[0] if met else 'RateLimit'}-Reset") or headers.get("RateLimit-User-Reset") or ""


def failure(method: str, url: str, failed: requests.Response | requests.RequestException) -> ShipError:
    """Return the error for a person. Never built from the exception's own text, which may quote the request."""
    parts = urlsplit(url)
    action = f"{method} {parts.path!r} at {parts.netloc!r}"
    if not isinstance(failed, requests.Response):
        return InfraError(f"could not {action}: {type(failed).__name__}")
    status = failed.status_code
    reason = _message(failed)
    said = f"{status} {reason}".strip()
    if status in {401, 403}:
        return UsageError(f"cannot {action}: the token was refused ({said})", hint=_scope_hint(status, method, url))
    if status == 429 or status >= 500:
        return InfraError(f"could not {action}: {said}", hint=LIMITS if status == 429 else None)
    kind, hint = DECLINED.get(status) or (Declined, None)
    return kind(f"cannot {action}: {said}", said=reason, hint=hint)


def _scope_hint(status: int, method: str, url: str) -> str:
    if status == 401:
        return f"export BUILDKITE_API_TOKEN with a token that is not expired nor revoked: {TOKENS}"
    path = urlsplit(url).path
    needed = scope_of(method, path.partition("/v2")[2] or path)
    scope = f"the scope {needed}" if needed else "access to this organization"
    return f"give the API token {scope} ({TOKENS}); if it has it, its owner's teams lack the permission on the pipeline"


def _message(response: requests.Response) -> str:
    try:
        found = response.json()
    except ValueError:
        return response.reason or ""
    if not isinstance(found, dict):
        return ""
    message, errors = str(found.get("message", "")), found.get("errors")
    named = [f"{one.get('field')}: {one.get('code')}" for one in errors or () if isinstance(one, dict)]
    return f"{message} ({'; '.join(named)})" if named else message
