"""The local Buildkite as a process (``python -m shipping.local.control --state DIR``) and, for tests, as a thread."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
import uvicorn

from pipeline_gen.clock import Clock, SystemClock
from pipeline_gen.errors import InfraError, ShipError
from pipeline_gen.shell import LocalShell
from shipping.local.engine.environment import Site
from shipping.local.ledger.ledger import Ledger
from shipping.local.server.app import application
from shipping.local.server.plane import Pace, Plane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.local.server.tokens import Tokens

HOST = "127.0.0.1"
ORGANIZATION = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlInfo:
    """What others need to find it: agents call ``url``/v3, REST clients ``url``/v2/, people ``url``."""

    url: str
    pid: int
    agent_token: str
    api_token: str
    organization: str


@contextlib.contextmanager
def running(
    state_dir: Path, *, port: int = 0, pace: Pace | None = None, clock: Clock | None = None
) -> Iterator[ControlInfo]:
    """Serve the state folder from a thread of this process until the block ends.

    Raises InfraError if the port is taken, or the folder in use or not writable.
    """
    with _prepared(state_dir, port=port, pace=pace or Pace(), clock=clock or SystemClock()) as (server, listener, info):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="control")
        thread.start()
        try:
            with _announced(state_dir, info):
                yield info
        finally:
            server.should_exit = True
            thread.join()


def serve(state_dir: Path, *, port: int = 0, pace: Pace | None = None) -> None:
    """Serve the state folder until SIGTERM or SIGINT; ``control.json`` in it says where."""
    with _prepared(state_dir, port=port, pace=pace or Pace(), clock=SystemClock()) as (server, listener, info):
        # uvicorn would deliver the signal to us once more after stopping: we have stopped, and that is all.
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, server.handle_exit)
        with _announced(state_dir, info):
            server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Leaves signals alone (the caller has its own idea), and lets the open pages go first: they would never leave."""

    def __init__(self, config: uvicorn.Config, plane: Plane) -> None:
        super().__init__(config)
        self._plane = plane

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._plane.live.close()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _prepared(
    state_dir: Path, *, port: int, pace: Pace, clock: Clock
) -> Iterator[tuple[_Server, socket.socket, ControlInfo]]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(_locked(state_dir))
        ledger = Ledger(state_dir / "ledger.sqlite3")
        stack.callback(ledger.close)
        listener = stack.enter_context(_listening(port, ledger.settings.get("port")))
        number = listener.getsockname()[1]
        ledger.settings.put("port", str(number))
        site = Site(url=f"http://{HOST}:{number}", organization=ORGANIZATION)
        plane = Plane(ledger=ledger, site=site, folder=state_dir, clock=clock, shell=LocalShell(), pace=pace)
        info = _info(site, plane.tokens)
        config = uvicorn.Config(
            application(plane),
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        yield _Server(config, plane), listener, info


@contextlib.contextmanager
def _locked(state_dir: Path) -> Iterator[TextIO]:
    """Hold the folder: two control planes on one ledger would each believe in their own state."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (state_dir / "lock").open("a+")
    except OSError as error:
        raise InfraError(f"could not use the state folder {str(state_dir)!r}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InfraError(
                f"could not use the state folder {str(state_dir)!r}: another control plane runs on it"
            ) from None
        yield file


def _listening(port: int, before: str | None) -> socket.socket:
    """Return a listening socket: on ``port``, else where it was before (agents know that address), else anywhere."""
    wanted = [port] if port else [int(before), 0] if before else [0]
    for number in wanted:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if number == wanted[-1]:
                raise InfraError(f"could not listen on {HOST}:{number}: {error.strerror}") from error
        else:
            return listener
    raise AssertionError(wanted)


def _info(site: Site, tokens: Tokens) -> ControlInfo:
    return ControlInfo(
        url=site.url,
        pid=os.getpid(),
        agent_token=tokens.registration,
        api_token=tokens.api,
        organization=site.organization,
    )


@contextlib.contextmanager
def _announced(state_dir: Path, info: ControlInfo) -> Iterator[None]:
    """Say where we are while we are there, in a file written whole and for us alone: it holds tokens."""
    path = state_dir / "control.json"
    # We hold the folder's lock: a file of this name is what a killed one of us has left.
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(info), file)
        partial.replace(path)
    except OSError as error:
        raise InfraError(f"could not write {str(path)!r}: {error.strerror}", hint=f"see `df {state_dir}`") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@click.command()
@click.option("--state", "state_dir", required=True, type=click.Path(path_type=Path), help="The folder that is kept.")
@click.option("--port", default=0, show_default="the one it had before, else a free one")
@click.option(
    "--lost-after", default=Pace().lost_after, show_default=True, help="Seconds until a silent agent is lost."
)
def main(state_dir: Path, port: int, lost_after: float) -> None:
    """Run the local Buildkite on 127.0.0.1 until it is told to stop."""
    try:
        serve(state_dir, port=port, pace=Pace(lost_after=lost_after))
    except ShipError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    main()
