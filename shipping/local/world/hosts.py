"""The hosts of a running world: which one is meant, what each runs, what its daemon and its processes have printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import UsageError, nearest
from shipping.local.hosts.running import running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shipping.local.hosts.published import RunningHost
    from shipping.local.world.folder import Folder


def facts(hosts: Sequence[RunningHost]) -> list[dict[str, Any]]:
    """Return each host with what it runs now."""
    return [
        {
            "host": one.name,
            "app": one.app,
            "region": one.region,
            "addresses": dict(one.addresses),
            "pid": one.pid,
            "folder": str(one.folder),
            **running(one.folder).to_json(),
        }
        for one in hosts
    ]


def of_region(hosts: Sequence[RunningHost], region: str | None) -> tuple[RunningHost, ...]:
    """Return the hosts of a region, all without one. Raises UsageError where no host is in it."""
    regions = list(dict.fromkeys(one.region for one in hosts))
    if region is not None and region not in regions:
        raise UsageError(
            f"cannot find hosts in the region {region!r}{nearest(region, regions)}",
            hint=f"regions with hosts: {', '.join(regions)}" if regions else NO_HOSTS,
        )
    return tuple(one for one in hosts if region in {None, one.region})


def one_of(hosts: Sequence[RunningHost], word: str, *, command: str, there: str) -> RunningHost:
    """Return the host that NAME, REGION/NAME or APP/REGION/NAME means. Raises UsageError where it is none or several."""
    found = [one for one in hosts if word in _names(one)]
    if len(found) == 1:
        return found[0]
    if found:
        named = [_shortest(one, hosts) for one in found]
        raise UsageError(f"cannot tell which host {word!r} is: {', '.join(named)}", hint=f"{command} {named[0]}{there}")
    known = list(dict.fromkeys(one.name for one in hosts))
    raise UsageError(
        f"cannot find the host {word!r}{nearest(word, known)}", hint=f"ship local host ls{there}" if known else NO_HOSTS
    )


NO_HOSTS = (
    "name some in .buildkite/shipping.yml, `fleet: {hosts: [...]}` of a region, and: ship local down, ship local up"
)


def _names(one: RunningHost) -> tuple[str, str, str]:
    return one.name, f"{one.region}/{one.name}", f"{one.app}/{one.region}/{one.name}"


def _shortest(one: RunningHost, hosts: Sequence[RunningHost]) -> str:
    return next(name for name in _names(one) if sum(name in _names(other) for other in hosts) == 1)


@dataclass(slots=True, kw_only=True)
class HostLog:
    """What a host's daemon prints, or with ``process`` its groups of that type, or the group of that id."""

    folder: Folder
    host: RunningHost
    process: str | None
    there: str
    _told: dict[str, int] = field(default_factory=dict)

    def look(self, write: Callable[[str], None]) -> bool:
        """Write what has come since the last look; False when the world has ended, and nothing more will come.

        Raises UsageError where nothing of that name was ever seen.
        """
        up = self.folder.holder() is not None
        files = self._files()
        if not files and not self._told:
            raise self._nothing()
        for name, file in files.items():
            for line in self._new(name, file):
                write(f"{name} | {line}" if self.process is not None else line)
        return up

    def _files(self) -> Mapping[str, Path]:
        if self.process is None:
            one = self.host
            return {one.name: self.folder.log(f"{one.app}.{one.region}.{one.name}")}
        groups = running(self.host.folder).groups
        return {group.id: Path(group.log) for group in groups if self.process in {group.process, group.id}}

    def _new(self, name: str, file: Path) -> list[str]:
        """Return the whole lines that are new; a log that was cut short begins anew."""
        try:
            with file.open("rb") as log:
                size = log.seek(0, 2)
                begin = self._told.get(name, 0)
                log.seek(begin if begin <= size else 0)
                text = log.read()
                end = log.tell()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._told[name] = end - (len(text) - len(whole))
        return whole.decode(errors="replace").splitlines(keepends=True)

    def _nothing(self) -> UsageError:
        groups = running(self.host.folder).groups
        known = list(dict.fromkeys([*(one.process for one in groups), *(one.id for one in groups)]))
        return UsageError(
            f"cannot find the process {self.process!r} on host {self.host.name!r}{nearest(str(self.process), known)}",
            hint=f"there are: {', '.join(known)}" if known else f"it runs nothing yet: ship local host ls{self.there}",
        )
