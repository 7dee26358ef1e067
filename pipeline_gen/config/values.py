"""Parsers of single values. Each takes what YAML gave and returns a typed value, or raises Wrong with what is allowed."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Wrong(Exception):
    """The value does not fit; ``allowed`` says what does."""

    def __init__(self, found: object, allowed: str) -> None:
        super().__init__(allowed)
        self.found = found
        self.allowed = allowed


def shown(value: object) -> str:
    """Return a value as it is quoted in a message: short, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def text(value: object) -> str:
    """Parse any text but the empty one."""
    if isinstance(value, str) and value:
        return value
    raise Wrong(value, "a text that is not empty")


def name(value: object) -> str:
    """Parse what becomes part of keys, step keys and pipeline slugs."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise Wrong(value, "a name of lower-case letters, digits and '-', at most 40, beginning with a letter")


def slug(value: object) -> str:
    """Parse a slug as Buildkite writes it: of an organization, of a team."""
    if isinstance(value, str) and _SLUG.fullmatch(value):
        return value
    raise Wrong(value, "a slug of lower-case letters and digits, joined by '-'")


def bucket(value: object) -> str:
    """Parse an S3 bucket's name."""
    if isinstance(value, str) and _BUCKET.fullmatch(value):
        return value
    raise Wrong(value, "an S3 bucket name: 3 to 63 of a-z, 0-9, '.' and '-'")


def seconds(value: object) -> float:
    """Parse a duration with a unit into seconds."""
    matched = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if matched and float(matched[1]) > 0:
        return float(matched[1]) * _UNITS[matched[2]]
    raise Wrong(value, "a duration with a unit, more than nothing, such as 90s, 3m or 1h")


def count(value: object) -> int:
    """Parse a whole number of at least 1."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise Wrong(value, "a whole number of at least 1")


def path(value: object) -> str:
    """Parse a path inside the repository, with '/' and no way out of it."""
    if isinstance(value, str) and value and not value.startswith("/") and ".." not in value.split("/"):
        return value.rstrip("/").removeprefix("./") or "."
    raise Wrong(value, "a path inside the repository, without '..'")


def pattern(value: object) -> str:
    """Parse a glob over paths inside the repository."""
    return path(value)


def argv(value: object) -> tuple[str, ...]:
    """Parse a command given as a list of words."""
    if isinstance(value, list) and value and all(isinstance(word, str) and word for word in value):
        return tuple(value)
    raise Wrong(value, "a command as a list of words, such as [make, install]")


def command(value: object) -> tuple[str, ...]:
    """Parse a command given as one line, split as a shell splits words; no shell runs it."""
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise Wrong(value, f"a command line whose quotes are closed ({error})") from error
        if words:
            return tuple(words)
    raise Wrong(value, 'a command line, such as "npm run build"')


def one_of(*choices: str) -> Callable[[object], str]:
    """Return a parser of one of a few words."""

    def parse(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise Wrong(value, " | ".join(choices))

    return parse


def several(parse: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """Return a parser of a list, each item by ``parse``."""

    def parse_list(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise Wrong(value, "a list")
        return tuple(parse(item) for item in value)

    return parse_list


def one_or_several(parse: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """Return a parser of one value, or of a list that is not empty."""

    def parse_some(value: object) -> tuple[T, ...]:
        if isinstance(value, list):
            if not value:
                raise Wrong(value, "at least one")
            return tuple(parse(item) for item in value)
        return (parse(value),)

    return parse_some
