"""Which hosts the local world has: those that the `fleet` of each region names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline_gen.config import Config, Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host. ``listens`` are the process types that take requests; ``trusted`` the lines of its file of public keys.

    A host of several apps is one for each: a machine may run two daemons.
    """

    app: str
    region: str
    name: str
    bucket: str
    spread: float
    listens: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its name among all hosts of the world: neither apps nor regions have dots in theirs."""
        return f"{self.app}.{self.region}.{self.name}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Host:
        return cls(**{**facts, "listens": tuple(facts["listens"]), "trusted": tuple(facts["trusted"])})


def roster(configs: Iterable[Config]) -> tuple[Host, ...]:
    """Return the hosts that the configurations name."""
    return tuple(host for config in configs for region in config.regions for host in _of_region(config, region))


def tagged(configs: Iterable[Config]) -> tuple[str, ...]:
    """Return the regions whose hosts only EC2 knows: the local world has none of those."""
    return tuple(
        region.name for config in configs for region in config.regions if region.fleet is not None and region.fleet.tag
    )


def _of_region(config: Config, region: Region) -> Iterable[Host]:
    for name in region.fleet.hosts if region.fleet is not None else ():
        yield Host(
            app=config.app,
            region=region.name,
            name=name,
            bucket=region.bucket,
            spread=region.fleet.spread if region.fleet is not None else 0.0,
            listens=tuple(process.name for process in config.processes if process.ready is not None),
            trusted=_trusted(config),
        )


def _trusted(config: Config) -> tuple[str, ...]:
    if config.slug is None or config.slug.keys is None:
        return ()
    public = config.slug.keys.public
    return (*(f"main {key}" for key in public.main), *(f"clearance {key}" for key in public.clearance))
