"""Serve an ASGI application with uvicorn on the sockets a host gives, and drain it without losing a request.

Copy this file to your application; it needs the standard library and uvicorn: ``python asgi.py inbox.asgi:app``.
3 is the customers' socket, shared with other groups; 4 is ours alone, asked for readiness. 3 is accepted from only after the
path in ``SHIP_READY`` answered 200 on 4, so that no customer meets a process that is not ready.
SIGTERM: accept no more, answer everything with ``Connection: close``, keep connections that wait between two requests for IDLE
seconds (closing one at once would lose a request that is on its way), end when none is left. ``SHIP_DRAIN`` is the seconds a
host allows for that: a fifth of it, 5 at most, is IDLE.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Sent = Callable[[dict[str, Any]], Awaitable[None]]

SHARED, PRIVATE = 3, 4
LONGEST_IDLE = 5.0


class DrainingServer(uvicorn.Server):
    """uvicorn, taking the shared socket once it is ready, and ending in two steps: drained, then shut down."""

    def __init__(self, config: uvicorn.Config, *, shared: socket.socket, ready: str | None, idle: float) -> None:
        super().__init__(config)
        self._shared = shared
        self._ready = ready
        self._idle = idle
        self._until: float | None = None

    def wrap(self, application: Any) -> Any:  # noqa: ANN401 - any ASGI application
        """Return the application, watched for its first readiness and told to close connections while it drains."""

        async def wrapped(scope: dict[str, Any], receive: Sent, send: Sent) -> None:
            async def told(message: dict[str, Any]) -> None:
                if message["type"] == "http.response.start" and self._until is not None:
                    kept = [one for one in message.get("headers", ()) if one[0].lower() != b"connection"]
                    message = {**message, "headers": [*kept, (b"connection", b"close")]}
                await send(message)
                if (
                    message["type"] == "http.response.start"
                    and scope["path"] == self._ready
                    and message["status"] == 200
                ):
                    await self._accept_customers()

            await application(scope, receive, told if scope["type"] == "http" else send)

        return wrapped

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready is None:
            await self._accept_customers()

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ANN401 - uvicorn's signature
        if self._until is None and sig == signal.SIGTERM:
            self._until = time.monotonic() + self._idle
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._until is not None:
            for server in self.servers:
                server.close()
            # What was accepted a moment ago gets its connection in the next turn of the loop.
            await asyncio.sleep(0)
            if self._drained(self._until):
                return True
        return await super().on_tick(counter)

    def _drained(self, until: float) -> bool:
        if not self.server_state.connections:
            return True
        return time.monotonic() >= until and not any(_busy(one) for one in self.server_state.connections)

    async def _accept_customers(self) -> None:
        if self._until is not None or self._shared.fileno() < 0 or len(self.servers) > 1:
            return
        config, state, lifespan = self.config, self.server_state, self.lifespan

        def connected() -> Any:  # noqa: ANN401 - uvicorn's protocol
            return config.http_protocol_class(config=config, server_state=state, app_state=lifespan.state)  # type: ignore[call-arg]

        # Before the await: two readiness answers at once must not take it twice.
        shared, self._shared = self._shared, socket.socket()
        self._shared.close()
        self.servers.append(await asyncio.get_running_loop().create_server(connected, sock=shared, backlog=4096))


def _busy(connection: Any) -> bool:  # noqa: ANN401 - uvicorn has several
    cycle = getattr(connection, "cycle", None)
    return cycle is not None and not cycle.response_complete


def main(arguments: list[str]) -> int:
    """Serve ``module:application`` until drained."""
    if len(arguments) != 1 or os.environ.get("LISTEN_FDS") != "2":
        sys.stderr.write("usage: asgi.py module:application, with sockets 3 and 4 (LISTEN_FDS=2)\n")
        return 2
    sys.path.insert(0, "")
    drain = float(os.environ.get("SHIP_DRAIN", "30"))
    config = uvicorn.Config(arguments[0], lifespan="auto", access_log=False, timeout_keep_alive=75)
    server = DrainingServer(
        config,
        shared=socket.socket(fileno=SHARED),
        ready=os.environ.get("SHIP_READY"),
        idle=min(LONGEST_IDLE, drain / 5),
    )
    config.load()
    config.loaded_app = server.wrap(config.loaded_app)
    server.run(sockets=[socket.socket(fileno=PRIVATE)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
