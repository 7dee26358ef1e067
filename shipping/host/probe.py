"""Is a group ready, and is it this release: asked on its private port, where no other group can answer for it."""

from __future__ import annotations

import http.client
import json

SECONDS = 5.0


def look(port: int, *, ready: str, version: str | None, commit: str) -> str | None:
    """Return None when the group is ready, else why not yet."""
    try:
        status, _ = _get(port, ready)
        if status != 200:
            return f"{ready!r} answered {status}"
        if version is None:
            return None
        status, body = _get(port, version)
    except (OSError, http.client.HTTPException) as error:
        return f"{ready!r} did not answer ({type(error).__name__}: {error})"
    if status != 200 or commit not in _answers(body):
        return f"{version!r} answered {status} {body[:80]!r} instead of commit {commit!r}"
    return None


def _answers(body: str) -> set[str]:
    """Return the body, or the values of its object: ``abc123`` and ``{"commit": "abc123"}`` are both a version."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    return {str(value) for value in found.values()} if isinstance(found, dict) else {body.strip()}


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(4096).decode(errors="replace")
    finally:
        connection.close()
