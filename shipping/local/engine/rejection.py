"""The engine's no: an event that may not happen. Nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Rejection(Exception):
    """``status`` is the HTTP status that says the same: 404 unknown, 409 too late, 422 cannot be done.

    ``errors`` names the fields that are wrong, as Buildkite's REST API does.
    """

    def __init__(self, message: str, *, status: int = 422, errors: tuple[Mapping[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.errors = errors


def invalid(field: str, code: str) -> Rejection:
    """Return the rejection of one field of a request."""
    return Rejection(f"Validation failed: {field} {code}", errors=({"field": field, "code": code},))


def unknown(what: str, name: str) -> Rejection:
    """Return the rejection for a thing that does not exist."""
    return Rejection(f"No {what} found: {name!r}", status=404)
