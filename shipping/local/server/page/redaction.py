"""A job's environment without its secrets: by the names that agents redact in logs too, and wherever their values recur."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

REDACTED = "[REDACTED]"
SECRET_NAMES = (
    "*_PASSWORD",
    "*_SECRET",
    "*_TOKEN",
    "*_PRIVATE_KEY",
    "*_ACCESS_KEY",
    "*_SECRET_KEY",
    "*_API_KEY",
    "*_CONNECTION_STRING",
    "PASSWORD",
    "SECRET",
    "TOKEN",
)
LEAST = 6
"""A shorter value is not looked for elsewhere: it would be found in every other word. (The agent's own limit.)"""

IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def secret(name: str) -> bool:
    """Return whether the name says that its value is a secret."""
    return any(fnmatchcase(name.upper(), pattern) for pattern in SECRET_NAMES)


def redacted(variables: Mapping[str, str], tokens: Collection[str]) -> list[tuple[str, str]]:
    """Return the variables by name, without secrets: their own values, ``tokens``, and passwords in addresses."""
    known = secrets_of(variables, tokens)
    return sorted(
        (name, REDACTED if secret(name) and value else without(value, known)) for name, value in variables.items()
    )


def secrets_of(variables: Mapping[str, str], tokens: Collection[str]) -> list[str]:
    """Return the values to hide, the longest first: one may hold another."""
    values = {value for name, value in variables.items() if secret(name) and len(value) >= LEAST}
    return sorted(values | set(tokens), key=len, reverse=True)


def without(text: str, secrets: Collection[str]) -> str:
    """Return the text with every secret in it hidden."""
    for one in secrets:
        text = text.replace(one, REDACTED)
    return IN_URL.sub(REDACTED, text)
