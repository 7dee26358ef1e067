"""Records to JSON and back, by their annotations: dataclasses, enums, tuples, maps, unions of dataclasses.

Unknown fields are ignored and missing ones take their default, so that a ledger outlives small changes of the records.
"""

# ruff: noqa: ANN401 - the shapes are known only to the annotations that it reads

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

KIND = "$"
"""Names the class where the annotation leaves several."""


def encode(record: Any) -> str:
    """Return the record as one line of JSON; fields that have their default are left out."""
    return json.dumps(_plain(record), separators=(",", ":"), ensure_ascii=False)


def decode(kind: type[Any], text: str) -> Any:
    """Return the record of this kind that the text holds."""
    return _rich(kind, json.loads(text))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        told = {KIND: type(value).__name__}
        for one in fields(value):
            content = getattr(value, one.name)
            if one.default is MISSING or content != one.default:
                told[one.name] = _plain(content)
        return told
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(content) for key, content in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(content) for content in value]
    return value


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _rich(kind: Any, value: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _of_union(inner, value)
    if origin is tuple and value is not None:
        return tuple(_rich(inner[0], content) for content in value)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{name: _rich(hints[name], content) for name, content in value.items() if name in hints})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return value


def _of_union(inner: tuple[Any, ...], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, dict) and KIND in value:
        kind = next(one for one in inner if getattr(one, "__name__", "") == value[KIND])
        return _rich(kind, value)
    named = next((one for one in inner if isinstance(one, type) and issubclass(one, Enum)), None)
    if named is not None and isinstance(value, str):
        return named(value)
    if isinstance(value, list):
        return _rich(next(one for one in inner if get_origin(one) is tuple), value)
    return value
