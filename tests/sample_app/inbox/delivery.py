"""Sends one comment to where the company reads it: a webhook, or a folder of files on a developer's machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import urllib.parse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

_PASSING = {408, 425, 429}


class DeliveryFailed(Exception):
    """The comment was not delivered, or nobody can tell; trying again may help."""


class Refused(Exception):
    """The receiver will not have this comment; trying again will not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent of a comment."""

    comment_id: int
    author: str
    body: str


class Transport(Protocol):
    """Anything that delivers a message or raises DeliveryFailed or Refused."""

    def deliver(self, message: Message) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Posts each message as JSON. The receiver drops repetitions by the ``Idempotency-Key``: an answer may get lost."""

    url: str
    timeout: float = 10.0

    def deliver(self, message: Message) -> None:
        parts = urllib.parse.urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=self.timeout)
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"comment-{message.comment_id}"}
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        with contextlib.closing(connection):
            try:
                connection.request("POST", target, json.dumps(asdict(message)), headers)
                status = connection.getresponse().status
            except TimeoutError as error:
                raise DeliveryFailed(f"no answer within {self.timeout:g} s") from error
            except (OSError, http.client.HTTPException) as error:
                raise DeliveryFailed(f"{type(error).__name__}: {error}") from error
        _judge(status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Writes each message to a file of its own, complete or not at all."""

    path: Path

    def deliver(self, message: Message) -> None:
        target = self.path / f"comment-{message.comment_id}.json"
        partial = target.with_suffix(f".{os.getpid()}.partial")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(asdict(message)), encoding="utf-8")
            partial.replace(target)
        except OSError as error:
            raise DeliveryFailed(f"could not write {str(target)!r}: {error}") from error


def to(address: str) -> Transport:
    """Return the transport for an address such as ``https://example.test/hook`` or ``file:outbox``. Raises ValueError."""
    scheme, _, rest = address.partition(":")
    if scheme == "file" and rest:
        return Folder(path=Path(rest))
    if scheme in {"http", "https"} and urllib.parse.urlsplit(address).hostname:
        return Webhook(url=address)
    raise ValueError(f"cannot deliver to {address!r}: http://..., https://... or file:FOLDER is needed")


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if status in _PASSING or status >= 500:
        raise DeliveryFailed(f"the receiver answered {status}")
    # A redirect too: following it would send what customers wrote to an address that nobody configured.
    raise Refused(f"the receiver answered {status}")
