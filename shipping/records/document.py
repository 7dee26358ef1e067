"""A record as an object in a store: canonical JSON with a schema number."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Refused, UsageError
from pipeline_gen.wire import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    T = TypeVar("T")


def encode(schema: int, data: Mapping[str, Any]) -> bytes:
    """Return the record's bytes."""
    return canonical({"schema": schema, **data})


def decode(body: bytes, read: Callable[[Mapping[str, Any]], T], *, schema: int, what: str) -> T:
    """Return what ``read`` makes of the record. Raises Refused where it is damaged, UsageError where a newer ship wrote it."""
    try:
        data = json.loads(body)
        found = int(data["schema"])
        if found <= schema:
            return read(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"cannot use {what}: it is truncated or damaged ({type(error).__name__}: {error})") from error
    raise UsageError(
        f"cannot read {what}: it has schema {found}, this ship knows up to {schema}", hint="update ship on this machine"
    )
