"""Starts and stops the S3 server: in this process for tests, or as a process of its own with its address in a state file."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

from pipeline_gen.errors import InfraError
from shipping.local.objects.emulator import Emulator
from shipping.local.objects.faults import Faults
from shipping.local.objects.front import CONTROL, Front
from shipping.local.objects.signature import Keys
from shipping.s3 import Bucket, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from shipping.s3.patience import Patience

REGION = "us-east-1"
STATE_FILE = "objects.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectServer:
    """A running server. ``environment`` is what a program needs to use it; its keys are random and of this run only."""

    url: str
    keys: Keys
    faults: Faults
    emulator: Emulator
    hang_up: Callable[[], None]  # ends the connections that clients keep alive

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": self.keys.access_key,
            "AWS_SECRET_ACCESS_KEY": self.keys.secret_key,
            "AWS_REGION": REGION,
        }

    @property
    def control(self) -> str:
        """Return the address that adds faults; its bearer token is the secret key."""
        return f"{self.url}{CONTROL}"

    def create_bucket(self, *names: str) -> None:
        for name in names:
            self.emulator.create_bucket(name, REGION)

    def bucket(self, name: str, *, patience: Patience | None = None) -> Bucket:
        """Open a bucket, which is created if need be. The caller closes it."""
        self.create_bucket(name)
        return connect(name, environment=self.environment, patience=patience)


@contextmanager
def running(port: int = 0) -> Iterator[ObjectServer]:
    """Serve on loopback in threads of this process; 0: any free port. Raises InfraError where the port is taken."""
    keys, faults, emulator = Keys.random(), Faults(), Emulator()
    try:
        front = Front(port, keys=keys, faults=faults, emulator=emulator)
    except OSError as error:
        emulator.close()
        raise InfraError(
            f"could not listen on '127.0.0.1:{port}': {error.strerror}", hint="leave the port out for any free one"
        ) from error
    thread = Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05}, name="objects")
    thread.start()
    try:
        yield ObjectServer(
            url=f"http://127.0.0.1:{front.address[1]}",
            keys=keys,
            faults=faults,
            emulator=emulator,
            hang_up=front.hang_up,
        )
    finally:
        front.shutdown()
        thread.join()
        front.hang_up()
        front.server_close()
        emulator.close()


def serve(state: Path, *, port: int = 0, buckets: Iterable[str] = ()) -> None:
    """Serve until SIGTERM or SIGINT. ``state/objects.json`` appears once the server answers, and is gone when it stops."""
    ends = (signal.SIGTERM, signal.SIGINT)
    # Blocked before there are threads, then waited for: a handler's wake-up of a lock without a time limit can be lost.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    file = state / STATE_FILE
    try:
        with running(port) as server:
            server.create_bucket(*buckets)
            _announce(file, server)
            try:
                signal.sigwait(ends)
            finally:
                file.unlink(missing_ok=True)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _announce(file: Path, server: ObjectServer) -> None:
    facts = {
        "url": server.url,
        "pid": os.getpid(),
        "access_key": server.keys.access_key,
        "secret_key": server.keys.secret_key,
        "region": REGION,
    }
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = file.with_suffix(".tmp")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(facts, stream)
    unfinished.replace(file)
