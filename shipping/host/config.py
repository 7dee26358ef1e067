"""A host's own file: which environment it belongs to, and where. TOML, strict: every fault is told at once.

Credentials are not in it: they come from the machine's role, as for every AWS tool.
"""

from __future__ import annotations

import re
import socket
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.errors import Fault, Faults, UsageError, nearest
from shipping.host.noted import BUILT_IN, SYSTEMD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# They become parts of keys, of paths and of unit names.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LISTEN = re.compile(r"(?P<host>[0-9.]+|\[[0-9a-f:]+\]):(?P<port>\d{1,5})")
NAMES = 180
"""Characters. Names of units have 255, with the process type's and the group's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """``spread`` and ``poll`` in seconds. ``keys``: the file of public keys; None: signatures are not asked for.

    ``listen``: where each process type with a ``ready`` path takes requests. ``env`` is what processes get besides ``SHIP_*``.
    ``driver`` is who runs process groups; with systemd they run as ``user``.
    """

    app: str
    environment: str
    bucket: str
    folder: Path
    host: str
    endpoint: str | None = None
    region: str | None = None
    spread: float = 60.0
    poll: float = 6.0
    keys: Path | None = None
    listen: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    driver: str = BUILT_IN
    user: str | None = None


class _Wrong(Exception):
    """A value is none of those allowed; the message says which are."""


def load(file: Path) -> HostConfig:
    """Read a host's configuration. Raises UsageError, or Faults with all that is wrong in it."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"cannot read the host's configuration {str(file)!r}: {getattr(error, 'strerror', None) or error}"
        ) from error
    return parse(data, document=str(file))


def parse(data: Mapping[str, Any], *, document: str) -> HostConfig:
    """Return the configuration. Raises Faults."""
    faults: list[Fault] = []
    found: dict[str, Any] = {"host": socket.gethostname()}
    for key, read in _KEYS.items():
        if key in data:
            try:
                found[key] = read(data[key])
            except _Wrong as wrong:
                faults.append(Fault(path=key, found=repr(data[key]), allowed=str(wrong)))
        elif key in _NEEDED:
            faults.append(Fault(path=key, found="nothing", allowed="it must be there"))
    faults += [
        Fault(path=key, found="an unknown key", allowed=f"{', '.join(_KEYS)}{nearest(key, _KEYS)}")
        for key in sorted(set(data) - set(_KEYS))
    ]
    faults += _together(data, found)
    if faults:
        raise Faults(document, faults, hint="ship host daemon --help")
    return HostConfig(**found)


def _together(data: Mapping[str, Any], found: Mapping[str, Any]) -> list[Fault]:
    """Return what is wrong with values that are right each for itself."""
    if found.get("driver", BUILT_IN) != SYSTEMD:
        wrong = "user" in found
        return (
            [Fault(path="user", found=repr(found["user"]), allowed=f"only with driver = {SYSTEMD!r}")] if wrong else []
        )
    faults = []
    if "user" not in data:
        faults.append(Fault(path="user", found="nothing", allowed="whom systemd runs the processes as"))
    names = [found.get(key, "") for key in ("app", "environment")]
    if sum(map(len, names)) > NAMES:
        faults.append(
            Fault(
                path="app", found=repr(names[0]), allowed=f"with `environment` at most {NAMES} characters for systemd"
            )
        )
    return faults


def _name(found: object) -> str:
    if isinstance(found, str) and _NAME.fullmatch(found):
        return found
    raise _Wrong("letters, digits, '.', '_' and '-', at most 100")


def _text(found: object) -> str:
    if isinstance(found, str) and found:
        return found
    raise _Wrong("text")


def _url(found: object) -> str:
    if isinstance(found, str) and re.match(r"https?://[^/]", found):
        return found
    raise _Wrong("an address that begins with https:// or http://")


def _path(found: object) -> Path:
    if isinstance(found, str) and found.startswith("/"):
        return Path(found)
    raise _Wrong("an absolute path")


def _seconds(least: float) -> Callable[[object], float]:
    def read(found: object) -> float:
        if isinstance(found, int | float) and not isinstance(found, bool) and least <= found <= 3600:
            return float(found)
        raise _Wrong(f"seconds from {least:g} to 3600")

    return read


def _listen(found: object) -> dict[str, tuple[str, int]]:
    if isinstance(found, dict):
        matches = {name: _LISTEN.fullmatch(str(place)) for name, place in found.items()}
        places = {name: (match["host"].strip("[]"), int(match["port"])) for name, match in matches.items() if match}
        if len(places) == len(found) and all(0 < port < 65536 for _, port in places.values()):
            return places
    raise _Wrong('a table of process type = "ADDRESS:PORT"')


def _environment(found: object) -> dict[str, str]:
    if isinstance(found, dict) and all(
        _VARIABLE.fullmatch(name) and isinstance(value, str) and "\0" not in value and not name.startswith("SHIP_")
        for name, value in found.items()
    ):
        return dict(found)
    raise _Wrong('a table of NAME = "value", none of them SHIP_*')


def _driver(found: object) -> str:
    if found in {BUILT_IN, SYSTEMD}:
        return str(found)
    raise _Wrong(f"{BUILT_IN!r} or {SYSTEMD!r}")


def _user(found: object) -> str:
    if isinstance(found, str) and _USER.fullmatch(found):
        return found
    raise _Wrong("the name of a user")


_NEEDED = ("app", "environment", "bucket", "folder")
_KEYS: Mapping[str, Callable[[object], object]] = {
    "app": _name,
    "environment": _name,
    "bucket": _name,
    "folder": _path,
    "host": _name,
    "endpoint": _url,
    "region": _text,
    "spread": _seconds(0),
    "poll": _seconds(0.05),
    "keys": _path,
    "listen": _listen,
    "env": _environment,
    "driver": _driver,
    "user": _user,
}
