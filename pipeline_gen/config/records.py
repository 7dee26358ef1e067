"""A configuration in a record: its defaults filled in, as plain data, and read back by jobs of perhaps another version."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from pipeline_gen.config.buildkite import Buildkite
from pipeline_gen.config.fleet import FailedHosts, Fleet
from pipeline_gen.config.keys import Keys, PublicKeys
from pipeline_gen.config.plugins import Plugins
from pipeline_gen.config.processes import Process
from pipeline_gen.config.release import Deploy, Release
from pipeline_gen.config.schema import Config, Layer, Region, ShardLimits, Slug, Suite

if TYPE_CHECKING:
    from collections.abc import Mapping


def resolved(config: Config) -> dict[str, Any]:
    """Return the configuration with its defaults filled in, as plain data for a record."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return data


def from_resolved(data: Mapping[str, Any]) -> Config:
    """Rebuild a configuration from a record. Unlike `parse`, keys of a newer version are ignored: it is wire data."""
    apart = ("plugins", "buildkite", "suites", "slug", "processes", "release", "regions")
    return Config(
        **_known(Config, data, but=apart),
        plugins=Plugins(**_known(Plugins, data["plugins"])),
        buildkite=Buildkite(**_known(Buildkite, data["buildkite"])),
        suites=tuple(
            Suite(**_known(Suite, suite, but=("shards",)), shards=ShardLimits(**_known(ShardLimits, suite["shards"])))
            for suite in data["suites"]
        ),
        slug=_slug(data.get("slug")),
        processes=tuple(Process(**_known(Process, process)) for process in data.get("processes", ())),
        release=Release(**_known(Release, data.get("release", {}))),
        regions=tuple(_region(region) for region in data["regions"]),
    )


def _slug(data: Mapping[str, Any] | None) -> Slug | None:
    if data is None:
        return None
    layers, keys = tuple(Layer(**_known(Layer, layer)) for layer in data["layers"]), data.get("keys")
    if keys is None:
        return Slug(layers=layers)
    public = PublicKeys(**_known(PublicKeys, keys["public"]))
    return Slug(layers=layers, keys=Keys(**_known(Keys, keys, but=("public",)), public=public))


def _region(data: Mapping[str, Any]) -> Region:
    deploy = data.get("deploy")
    return Region(
        **_known(Region, data, but=("deploy", "fleet")),
        fleet=_fleet(data.get("fleet")),
        deploy=None if deploy is None else Deploy(**_known(Deploy, deploy)),
    )


def _fleet(data: Mapping[str, Any] | None) -> Fleet | None:
    if data is None:
        return None
    failed = FailedHosts(**_known(FailedHosts, data["failed_hosts"]))
    return Fleet(**_known(Fleet, data, but=("failed_hosts",)), failed_hosts=failed)


def _known(kind: type[Any], data: Mapping[str, Any], *, but: tuple[str, ...] = ()) -> dict[str, Any]:
    names = [field.name for field in fields(kind) if field.name in data and field.name not in but]
    return {name: tuple(data[name]) if isinstance(data[name], list) else data[name] for name in names}
