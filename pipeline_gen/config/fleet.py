"""A region's `fleet`: which hosts run the app there, how their restarts are spread, and how many of them may fail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.config import values

if TYPE_CHECKING:
    from pipeline_gen.config.section import Section

DEFAULT_SPREAD = 60.0
# Hosts name keys in the bucket.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)%")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedHosts:
    """How many hosts may fail or stay silent before a deploy has failed: ``count`` of them, or ``percent`` of all."""

    count: int = 0
    percent: float = 0.0

    def among(self, hosts: int) -> int:
        """Return how many of so many hosts; a share is rounded down, so that a small fleet may lose none."""
        return max(self.count, int(hosts * self.percent / 100))


DEFAULT_FAILED_HOSTS = FailedHosts(percent=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Either every instance with the EC2 ``tag`` (its key and its value), or the ``hosts`` named here.

    ``spread`` is over how many seconds the hosts begin to restart.
    """

    tag: tuple[str, str] | None = None
    hosts: tuple[str, ...] = ()
    spread: float = DEFAULT_SPREAD
    failed_hosts: FailedHosts = DEFAULT_FAILED_HOSTS


def parse_fleet(region: Section) -> Fleet | None:
    """Read `fleet`, and `spread` and `failed_hosts` beside it, of a region's section; None where it has no fleet."""
    spread = region.optional("spread", values.seconds, DEFAULT_SPREAD)
    failed = region.optional("failed_hosts", failed_hosts, DEFAULT_FAILED_HOSTS)
    section = region.section("fleet")
    if section is None:
        for key in ("spread", "failed_hosts"):
            if key in region.data:
                region.fault(key, region.data[key], "nothing without 'fleet'")
        return None
    fleet = Fleet(
        tag=section.optional("tag", _tag, None),
        hosts=section.optional("hosts", _hosts, ()),
        spread=spread,
        failed_hosts=failed,
    )
    section.close()
    if ("tag" in section.data) == ("hosts" in section.data):
        section.fault("", dict(section.data), 'one of tag: "KEY=VALUE" and hosts: [NAME, ...]')
    return fleet


def failed_hosts(value: object) -> FailedHosts:
    """Parse a number of hosts, or a share of them such as 1%."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return FailedHosts(count=value)
    matched = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if matched and float(matched[1]) < 100:
        return FailedHosts(percent=float(matched[1]))
    raise values.Wrong(value, "a number of hosts, or a share below 100% such as 1%")


def _tag(value: object) -> tuple[str, str]:
    if isinstance(value, str):
        key, _, wanted = value.partition("=")
        if key and wanted:
            return key, wanted
    raise values.Wrong(value, 'an EC2 tag as "KEY=VALUE"')


def _hosts(value: object) -> tuple[str, ...]:
    hosts = values.several(_host)(value)
    if not hosts or len(set(hosts)) < len(hosts):
        raise values.Wrong(value, "at least one host, each named once")
    return hosts


def _host(value: object) -> str:
    if isinstance(value, str) and _HOST.fullmatch(value):
        return value
    raise values.Wrong(value, "a host's name: letters, digits, '.', '-' and '_', at most 63")
