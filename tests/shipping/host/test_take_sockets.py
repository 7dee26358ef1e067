"""The first program of a group under systemd, run as systemd runs it: with sockets in any order, and its own variables."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from shipping.host.kept import program

if TYPE_CHECKING:
    from pathlib import Path

# Becomes a process that was handed sockets from 3 on, as systemd does, and then the program.
HAND_OVER = """
import fcntl, os, sys
given = [fcntl.fcntl(int(one), fcntl.F_DUPFD_CLOEXEC, 20) for one in sys.argv[1].split(",") if one]
for number, one in enumerate(given):
    os.dup2(one, 3 + number, inheritable=True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""
# What the command finds: the ports of its descriptors, its environment and its folder.
TELL = """
import json, os, socket
ports = [socket.socket(fileno=3 + one).getsockname()[1] for one in range(int(os.environ.get("LISTEN_FDS", "0")))]
mine = os.environ.get("LISTEN_PID") in (None, str(os.getpid()))
print(json.dumps({"ports": ports, "mine": mine, "env": sorted(os.environ), "cwd": os.getcwd()}))
"""


def run(folder: Path, given: dict[str, socket.socket], wanted: str, *command: str) -> subprocess.CompletedProcess[str]:
    numbers = ",".join(str(one.fileno()) for one in given.values())
    listen = {"LISTEN_FDS": str(len(given)), "LISTEN_FDNAMES": ":".join(given)} if given else {}
    env = {"PATH": os.environ["PATH"], "SHIP_GROUP": "web@0", "INVOCATION_ID": "systemd's own", **listen}
    argv = [sys.executable, "-c", HAND_OVER, numbers, *program("take_sockets")]
    return subprocess.run(
        [*argv, str(folder), wanted, "PATH,SHIP_GROUP", "--", *command],
        env=env,
        pass_fds=[one.fileno() for one in given.values()],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("order", [("shared", "private"), ("private", "shared")])
def test_in_whatever_order_they_came_3_is_the_shared_and_4_the_private_one(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    """And the command is the process that they were handed to."""
    with ExitStack() as stack:
        given = {name: stack.enter_context(socket.create_server(("127.0.0.1", 0))) for name in order}
        ports = [given[name].getsockname()[1] for name in ("shared", "private")]

        done = run(tmp_path, given, "shared:private", sys.executable, "-c", TELL)

    told = json.loads(done.stdout)
    assert (told["ports"], told["mine"], told["cwd"]) == (ports, True, str(tmp_path))


def test_nothing_but_what_it_was_given_is_in_its_environment(tmp_path: Path) -> None:
    """systemd's own variables are not; without sockets, neither is a word of them."""
    told = json.loads(run(tmp_path, {}, "-", sys.executable, "-c", TELL).stdout)

    assert [one for one in told["env"] if one != "LC_CTYPE"] == ["PATH", "SHIP_GROUP"]


def test_a_command_that_is_not_there_and_a_socket_that_was_not_handed_over_are_said(tmp_path: Path) -> None:
    """In the group's log; it ends as a shell's command that is not found."""
    missing = run(tmp_path, {}, "-", "./nothing")
    assert (missing.returncode, missing.stderr) == (
        127,
        f"cannot start './nothing' in {str(tmp_path)!r}: No such file or directory\n",
    )
    with socket.create_server(("127.0.0.1", 0)) as shared:
        alone = run(tmp_path, {"shared": shared}, "shared:private", "true")
    assert (alone.returncode, alone.stderr) == (
        127,
        f"cannot start 'true' in {str(tmp_path)!r}: systemd handed over no private socket\n",
    )
