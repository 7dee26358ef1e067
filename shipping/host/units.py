"""Pure: the text of the unit files of a host, in systemd's own escaping.

Names are NAME:TYPE.socket and NAME:TYPE.service for what all groups of a type share, NAME:TYPE@SLOT-ID.socket and .service for
one group, so that a drop-in for NAME:TYPE@.service is one for each group of the type. The colon is in no name of ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_gen.errors import UsageError
from shipping.host.logs import LOG
from shipping.host.sockets import BACKLOG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ENVIRONMENT = "environment"
GROUP_NOTE = "group.json"
SPECIAL = {'"': '\\"', "\\": "\\\\", "%": "%%", "$": "$$"}
SHORTEST, LONGEST = 0.001, 3e8
"""Seconds. systemd takes 0 for "without an end", and does not read numbers of any length."""


def word(text: str) -> str:
    """Return one argument of a command: unquoted, then freed of specifiers and variables by systemd."""
    escaped = "".join(f"\\x{ord(one):02x}" if _control(one) else SPECIAL.get(one, one) for one in text)
    return f'"{escaped}"'


def variable(name: str, value: str) -> str:
    """Return one line of an environment file. systemd reads those as a shell does, without variables."""
    quoted = re.sub(r'(["\\$`])', r"\\\1", value)
    return f'{name}="{quoted}"'


def path(found: Path, *, pattern: bool = False) -> str:
    """Return a path, which systemd takes to the end of the line. ``pattern``: where it would look for a wildcard in it.

    Raises UsageError where it cannot be written in a unit file.
    """
    text = str(found)
    if any(_control(one) for one in text) or text != text.strip() or text.endswith("\\"):
        raise UsageError(f"cannot write {text!r} in a unit file", hint="choose another folder for the host")
    if pattern:
        text = re.sub(r"([\\*?\[])", r"\\\1", text)
    return text.replace("%", "%%")


def title(text: str) -> str:
    """Return a description; what people would not see is left out."""
    return re.sub(r"[^ -~]", "?", text).replace("%", "%%").rstrip("\\ ")


def _control(one: str) -> bool:
    return ord(one) < ord(" ") or ord(one) == 0x7F


def shared_socket(*, name: str, process: str, address: tuple[str, int]) -> str:
    """Return the socket that owns a type's port. Its service runs all the while, so that customers never start anything."""
    host, port = address
    return _file(
        Unit=[f"Description={title(f'{name} {process}: where customers connect')}"],
        Socket=[
            f"ListenStream={f'[{host}]' if ':' in host else host}:{port}",
            f"Service={name}:{process}.service",
            "FileDescriptorName=shared",
            f"Backlog={BACKLOG}",
            # Connections inherit it: a server that writes head and body apart is not delayed by 40 ms.
            "NoDelay=yes",
            # Each group that ends makes systemd look at the socket anew; by default 20 such looks in 2 s close it.
            "TriggerLimitIntervalSec=0",
        ],
    )


def holder(*, name: str, process: str) -> str:
    """Return the service of a type's socket: it does nothing, and is never over."""
    return _file(
        Unit=[
            f"Description={title(f'{name} {process}: keeps its socket from starting anything')}",
            f"Requires={name}:{process}.socket",
            f"After={name}:{process}.socket",
            "StartLimitIntervalSec=0",
        ],
        Service=["Type=oneshot", "RemainAfterExit=yes", "ExecStart=/bin/true"],
    )


def private_socket(*, name: str, group: str, port: int) -> str:
    """Return a group's own socket, which goes with the group: asking a group that ended must not start it again."""
    return _file(
        Unit=[f"Description={title(f'{name} {group}: where it is asked whether it is ready')}", "StopWhenUnneeded=yes"],
        Socket=[
            f"ListenStream=127.0.0.1:{port}",
            f"Service={name}:{group}.service",
            "FileDescriptorName=private",
            "NoDelay=yes",
            "TriggerLimitIntervalSec=0",
        ],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One group, or one boot check, as systemd is to run it: once, it is never started again but replaced.

    ``folder`` is its own, ``program`` what is run, ``stop`` how many seconds it has to finish. ``start``: how many it may take
    to be over, for what is over by itself; None for a group.
    """

    name: str
    group: str
    process: str
    description: str
    folder: Path
    program: Sequence[str]
    user: str
    stop: float
    start: float | None = None
    sockets: bool = False


def service(run: Run) -> str:
    """Return the service of a group or of a boot check."""
    private, shared = f"{run.name}:{run.group}.socket", f"{run.name}:{run.process}.socket"
    return _file(
        Unit=[
            f"Description={title(run.description)}",
            f"ConditionPathExists={path(run.folder / GROUP_NOTE)}",
            *([f"Requires={private}", f"After={private}"] if run.sockets else []),
            "StartLimitIntervalSec=0",
        ],
        Service=[
            *(["Type=exec"] if run.start is None else ["Type=oneshot", f"TimeoutStartSec={seconds(run.start)}"]),
            *([f"Sockets={shared} {private}"] if run.sockets else []),
            f"User={run.user}",
            f"TimeoutStopSec={seconds(run.stop)}",
            *SERVICE,
            f"EnvironmentFile={path(run.folder / ENVIRONMENT, pattern=True)}",
            f"StandardOutput=append:{path(run.folder / LOG)}",
            f"StandardError=append:{path(run.folder / LOG)}",
            f"ExecStart={' '.join(word(one) for one in run.program)}",
        ],
    )


SERVICE = (
    # SIGTERM goes to the command alone, which tells its workers; SIGKILL to all that is left when it ends or has had its time.
    "KillMode=mixed",
    "Restart=no",
    # A worker that the kernel kills for its memory is its server's to replace.
    "OOMPolicy=continue",
    "IgnoreSIGPIPE=no",
    "LimitCORE=0",
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictSUIDSGID=yes",
)


def seconds(found: float) -> str:
    """Return a time as systemd reads it."""
    return f"{min(max(found, SHORTEST), LONGEST):.3f}s"


def environment_file(variables: Mapping[str, str]) -> str:
    """Return what a group gets in its environment: a file of root's, for a unit's own lines can be read by everybody."""
    return "".join(f"{variable(name, value)}\n" for name, value in variables.items())


def _file(**sections: Sequence[str]) -> str:
    return "\n".join("\n".join([f"[{name}]", *lines, ""]) for name, lines in sections.items())
