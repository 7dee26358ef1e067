"""The settings of a pipeline that the engine does not read: kept as they were given, and shown with their defaults.

They say which pushes make builds (here only REST makes builds), who may see them, and where jobs may run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shipping.local.engine.rejection import Rejection, invalid
from shipping.local.server.rest import kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.local.engine.records import Pipeline
    from shipping.local.server.plane import Plane

TEXTS = ("branch_configuration", "color", "emoji")
DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(TEXTS),
    "allow_rebuilds": True,
    "cluster_id": None,
    "tags": None,
    "visibility": "private",
    "archived_at": None,
}
PROVIDER: dict[str, Any] = {
    "trigger_mode": "code",
    "build_branches": True,
    "build_pull_requests": True,
    "build_pull_request_forks": False,
    "build_pull_request_base_branch_changed": False,
    "build_pull_request_labels_changed": False,
    "build_pull_request_ready_for_review": False,
    "build_tags": False,
    "cancel_deleted_branch_builds": False,
    "filter_condition": None,
    "filter_enabled": False,
    "ignore_default_branch_pull_requests": False,
    "prefix_pull_request_fork_branch_names": True,
    "publish_blocked_as_pending": False,
    "publish_commit_status": True,
    "publish_commit_status_per_step": False,
    "pull_request_branch_filter_configuration": None,
    "pull_request_branch_filter_enabled": False,
    "separate_pull_request_statuses": False,
    "skip_builds_for_existing_commits": False,
    "skip_pull_request_builds_for_existing_commits": True,
    "use_step_key_as_commit_status": False,
}
TRIGGER_MODES = ("code", "deployment", "fork", "none")
FIELDS = (DEFAULTS.keys() - {"archived_at"}) | {"provider_settings", "teams", "team_uuids"}
"""What a request may name."""


def shown(world: Plane, slug: str) -> dict[str, Any]:
    """Return a pipeline's settings as REST tells them."""
    found = world.ledger.registry.get("settings", slug) or {}
    provider = {"id": "git", "webhook_url": "", "settings": PROVIDER | found.get("provider", {})}
    return DEFAULTS | {name: value for name, value in found.items() if name in DEFAULTS} | {"provider": provider}


def changed(world: Plane, slug: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pipeline's settings with what is asked for; a null sets the default. Raises Rejection where it is wrong."""
    found = world.ledger.registry.get("settings", slug) or {}
    for name in asked.keys() & DEFAULTS.keys():
        value = asked[name]
        found[name] = DEFAULTS[name] if value is None else _checked(world, name, value, asked)
    if asked.get("provider_settings") is not None:
        found["provider"] = found.get("provider", {}) | _provider(asked["provider_settings"])
    return found


def _checked(world: Plane, name: str, value: object, asked: Mapping[str, Any]) -> object:
    if isinstance(DEFAULTS[name], bool):
        return kept.yes(asked, name, default=False)
    if name == "tags":
        if not isinstance(value, list) or not all(isinstance(tag, str) and tag for tag in value):
            raise invalid(name, "must be a list of strings")
        return value
    text = kept.words(asked, name)
    if name == "visibility" and text not in {"private", "public"}:
        raise invalid(name, "must be private or public")
    if name == "cluster_id" and world.ledger.registry.get("cluster", text or "") is None:
        raise invalid(name, "is not a cluster of this organization")
    return text


def _provider(asked: object) -> dict[str, Any]:
    if not isinstance(asked, dict):
        raise invalid("provider_settings", "must be a map")
    for name, value in asked.items():
        if name not in PROVIDER:
            raise invalid(f"provider_settings.{name}", "is not implemented by the local Buildkite")
        if isinstance(PROVIDER[name], bool) and not isinstance(value, bool):
            raise invalid(f"provider_settings.{name}", "must be true or false")
    if asked.get("trigger_mode", "code") not in TRIGGER_MODES:
        raise invalid("provider_settings.trigger_mode", f"must be one of {', '.join(TRIGGER_MODES)}")
    return asked


def refuse_archived(world: Plane, pipeline: Pipeline) -> None:
    """Raise Rejection where the pipeline is archived: it is read-only then."""
    if shown(world, pipeline.slug)["archived_at"] is not None:
        raise Rejection(f"The pipeline {pipeline.slug!r} is archived: unarchive it first")
