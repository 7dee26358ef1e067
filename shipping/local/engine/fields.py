"""What a block or input asks a person: read from its document, and an answer checked against it."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline_gen.errors import nearest
from shipping.local.engine import values
from shipping.local.engine.kinds import Field, Option
from shipping.local.engine.regex.fault import RegexFault
from shipping.local.engine.regex.search import compiled
from shipping.local.engine.rejection import Rejection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shipping.local.engine.regex.search import Regex

T = TypeVar("T")

KEY = re.compile(r"[A-Za-z0-9/_-]{1,100}")
TEXT = frozenset({"text", "key", "hint", "required", "default", "format"})
SELECT = frozenset({"select", "key", "hint", "required", "default", "options", "multiple"})


def read(value: object) -> tuple[Field, ...]:
    """Return the fields that a step asks for; raises ValueError with what is wrong with the first wrong one."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError("must be a list of text and select fields")
    found = tuple(_field(one) for one in value)
    keys = [one.key for one in found]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"must have each key once: {key!r} comes again")
    return found


def _field(told: Mapping[str, Any]) -> Field:
    kind = "select" if "select" in told or "options" in told else "text"
    key = told.get("key")
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise ValueError(f"need keys of letters, digits, slashes, dashes or underscores: {key!r} is none")
    known = SELECT if kind == "select" else TEXT
    for name in told:
        if name not in known:
            raise ValueError(f"of kind {kind} have no {name!r} (field {key!r}){nearest(str(name), sorted(known))}")

    def reading(name: str, reader: Callable[[object], T]) -> T:
        try:
            return reader(told.get(name))
        except ValueError as error:
            raise ValueError(f"cannot be read: {name!r} of field {key!r} {error}") from None

    multiple = reading("multiple", values.flag)
    return Field(
        kind=kind,
        key=key,
        label=reading(kind, values.text) or key,
        hint=reading("hint", values.text),
        required=reading("required", _required),
        default=reading("default", partial(_default, multiple=multiple)),
        format=reading("format", _format),
        options=reading("options", _options) if kind == "select" else (),
        multiple=multiple,
    )


def _required(value: object) -> bool:
    return value is None or values.flag(value)


def _default(value: object, *, multiple: bool) -> str | tuple[str, ...]:
    if isinstance(value, list):
        if not multiple:
            raise ValueError("may be several only where 'multiple' is true")
        return tuple(values.scalar(one) for one in value)
    return values.scalar(value)


def _format(value: object) -> str:
    pattern = values.text(value)
    try:
        _whole(pattern)
    except RegexFault as fault:
        raise ValueError(f"must be a regular expression, and {pattern!r}: {fault}") from None
    return pattern


def _whole(pattern: str) -> Regex:
    """Return a pattern for all of a text, as the one of an HTML form is."""
    compiled(pattern)
    return compiled(rf"\A(?:{pattern})\z")


def _options(value: object) -> tuple[Option, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of at least one")
    found = []
    for one in value:
        if not isinstance(one, dict) or not {"label", "value"} <= set(one):
            raise ValueError("need a label and a value each")
        found.append(Option(label=values.scalar(one["label"]), value=values.scalar(one["value"])))
    return tuple(found)


def answers(asked: Sequence[Field], given: Mapping[str, str | tuple[str, ...]]) -> dict[str, str]:
    """Return the meta-data that an answer makes: one key per field, the empty ones too, several values joined by lines.

    Raises Rejection with every fault. A default is what a form begins with, not what is taken where nothing is given.
    """
    keys = [one.key for one in asked]
    faults = [f"field {key!r} is not asked for{nearest(key, keys)}" for key in given if key not in keys]
    found: dict[str, str] = {}
    for one in asked:
        try:
            found[one.key] = _answer(one, given.get(one.key, ""))
        except ValueError as error:
            faults.append(f"field {one.key!r} {error}")
    if faults:
        raise Rejection("\n".join(faults))
    return found


def _answer(asked: Field, given: str | tuple[str, ...]) -> str:
    several = (given,) if isinstance(given, str) else given
    lines = [one.replace("\r\n", "\n").replace("\r", "\n") for one in dict.fromkeys(several) if one]
    if not lines:
        if asked.required:
            raise ValueError("is required")
        return ""
    if len(lines) > 1 and not asked.multiple:
        raise ValueError(f"takes one value, not {len(lines)}")
    joined = "\n".join(lines)
    # An answer becomes meta-data.
    if len(joined.encode()) > values.META_DATA_LIMIT:
        raise ValueError(f"is longer than {values.META_DATA_LIMIT} bytes")
    options = [option.value for option in asked.options]
    for line in lines:
        if asked.kind == "select" and line not in options:
            raise ValueError(f"must be one of {', '.join(options)}, not {line!r}")
        if asked.format and not _whole(asked.format).search(line):
            raise ValueError(f"must match {asked.format!r}, and {line!r} does not")
    return joined
