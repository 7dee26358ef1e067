"""The small documents that REST keeps: finding the one that a path names, and reading a request's fields into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shipping.local.engine.rejection import invalid, unknown
from shipping.local.server.moments import moment
from shipping.local.server.wire import plane

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request

    from shipping.local.ledger.registry import Kind

LONGEST = 100_000


def named(request: Request, kind: Kind, key: str, *, parent: str | None = None) -> dict[str, Any]:
    """Return the document whose id stands in the path under ``key``; raises Rejection (404) where there is none."""
    name = request.path_params[key]
    found = plane(request).ledger.registry.get(kind, name, parent=parent)
    if found is None:
        raise unknown(kind.replace("_", " "), name)
    return found


def only(asked: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise Rejection for a field that nobody here reads: a setting that is dropped silently is worse than a no."""
    for name in asked:
        if name not in set(known):
            raise invalid(name, "is not implemented by the local Buildkite")


def words(asked: Mapping[str, Any], name: str, default: str | None = None, *, blank: bool = True) -> str | None:
    """Return a text field, ``default`` where it is absent; null is null. Raises Rejection for anything else."""
    value = asked.get(name, default)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > LONGEST:
        raise invalid(name, "must be a string")
    if not blank and not value.strip():
        raise invalid(name, "can't be blank")
    return value


def required(asked: Mapping[str, Any], name: str) -> str:
    """Return a text field that must be there."""
    found = words(asked, name, blank=False)
    if found is None:
        raise invalid(name, "can't be blank")
    return found


def yes(asked: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Return a true or false field."""
    value = asked.get(name, default)
    if not isinstance(value, bool):
        raise invalid(name, "must be true or false")
    return value


def born(request: Request) -> dict[str, Any]:
    """Return when and by whom something is made now."""
    return {"created_at": moment(plane(request).now()), "created_by": person(request)}


def person(request: Request) -> dict[str, Any]:
    """Return the one user that this Buildkite has."""
    organization = plane(request).site.organization_id
    return {"id": organization, "name": "Local", "email": "local@localhost", "avatar_url": None, "created_at": None}
