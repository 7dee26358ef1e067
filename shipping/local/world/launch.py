"""Starting a world in the background and ending one from elsewhere."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError, ShipError, UsageError
from shipping.local.processes import send, wait_gone
from shipping.local.world.folder import Folder
from shipping.local.world.hold import held, taken
from shipping.local.world.options import Options, dumps
from shipping.local.world.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STOP_TIMEOUT = 30.0  # seconds a supervisor is given to end its world before it is killed and its world swept


def launch(options: Options, *, env: Mapping[str, str], say: Callable[[str], None]) -> subprocess.Popen[str]:
    """Start a supervisor in a session of its own and return it when its world is ready. Raises what it failed with."""
    folder = Folder(options.state)
    check(options)
    argv = [sys.executable, "-P", "-m", "shipping.local.world", dumps(options)]
    with folder.log("supervisor").open("ab") as log:
        process = subprocess.Popen(
            argv,
            cwd=folder.root,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        _follow(process, folder, say)
    except BaseException:
        # Ctrl-C while it starts: it is told, and ends what it has started.
        process.terminate()
        process.wait()
        raise
    return process


def _follow(process: subprocess.Popen[str], folder: Folder, say: Callable[[str], None]) -> None:
    if process.stdout is None:
        raise AssertionError("the supervisor is started with a pipe")
    with process.stdout as lines:
        for line in lines:
            told = json.loads(line)
            if "ready" in told:
                return
            if "failed" in told:
                raise _failure(told["failed"])
            say(told["say"])
    code = process.wait()
    raise InfraError(
        f"could not start the local world: its supervisor ended with {code}", hint=f"see {folder.log('supervisor')}"
    )


def _failure(told: Mapping[str, object]) -> ShipError:
    kind = {2: UsageError, 3: InfraError}.get(int(str(told["code"])), ShipError)
    return kind(str(told["message"]), hint=None if told["hint"] is None else str(told["hint"]))


def check(options: Options) -> None:
    """Refuse early what cannot work: a folder that is held or not ours, a port that is taken, no agents."""
    folder = Folder(options.state)
    if options.agents < 1:
        raise UsageError(f"cannot start {options.agents} agents: at least 1 is needed")
    folder.prepare()
    holder = folder.holder()
    if holder is not None:
        raise taken(folder, holder)
    if options.port and not _is_free(options.port):
        raise UsageError(
            f"cannot listen on port '{options.port}' of 127.0.0.1: it is taken",
            hint="choose another with --port, or leave it out for a free one",
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    return True


def stop(folder: Folder, *, timeout: float = STOP_TIMEOUT) -> bool:
    """End the folder's world from outside, and whatever a killed run has left; False where there was nothing to end.

    Returns when nothing of it runs any more.
    """
    if not folder.root.exists():
        # Removed under a running world: what is left of that is known by its mark.
        return bool(sweep(folder))
    holder = folder.holder()
    if holder is not None and send(holder.process, signal.SIGTERM) and wait_gone([holder.process], timeout=timeout):
        send(holder.process, signal.SIGKILL)
        wait_gone([holder.process], timeout=timeout)
    try:
        with held(folder) as left:
            return bool(sweep(folder, left)) or holder is not None
    except UsageError:
        # Somebody brought another world up in the same moment: that one is not ours to end.
        return holder is not None
