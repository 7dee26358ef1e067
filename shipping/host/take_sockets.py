"""Become a group's command under systemd: its sockets where the contract wants them, and nothing else in its environment.

Arguments ``CWD SOCKETS VARIABLES -- COMMAND...``: SOCKETS is ``shared:private`` or ``-``, VARIABLES the names of those that the
command gets, with commas. systemd hands over the sockets of two units in any order, and adds variables of its own.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from shipping.host import sockets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOT_STARTED = 127


def given(environ: Mapping[str, str], wanted: str) -> list[int]:
    """Return the descriptors of the wanted sockets, in that order. Raises OSError where one was not handed over."""
    if wanted == "-":
        return []
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    missing = [name for name in wanted.split(":") if name not in names]
    if missing:
        raise OSError(f"systemd handed over no {missing[0]} socket")
    return [sockets.FIRST + names.index(name) for name in wanted.split(":")]


def main(arguments: Sequence[str]) -> int:
    """Become the command; return only where that cannot be done."""
    cwd, wanted, names, _, *command = arguments
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # as Python found them, so would the command
        signal.signal(number, signal.SIG_DFL)
    try:
        env = {name: os.environ[name] for name in names.split(",") if name in os.environ}
        env |= sockets.place(given(os.environ, wanted))
        os.chdir(cwd)
        os.execvpe(command[0], command, env)  # noqa: S606 - an argv, no shell
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        sys.stderr.write(f"cannot start {command[0]!r} in {cwd!r}: {why}\n")
    return NOT_STARTED
