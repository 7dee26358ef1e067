"""The engine's no: an event that may not happen. Nothing has changed."""

from __future__ import annotations


class Rejection(Exception):
    """``status`` is the HTTP status that says the same: 404 unknown, 409 too late, 422 cannot be done."""

    def __init__(self, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def unknown(what: str, name: str) -> Rejection:
    """Return the rejection for a thing that does not exist."""
    return Rejection(f"No {what} found: {name!r}", status=404)
