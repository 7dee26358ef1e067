"""Signals as something to wait for: they wake a loop between two steps instead of breaking into one."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """What has arrived since; made by `caught`."""

    def __init__(self, inbox: socket.socket) -> None:
        self._inbox = inbox
        self.stops = 0

    def wait(self, timeout: float) -> None:
        """Return when any signal has arrived (a child's end too), at the latest after ``timeout`` seconds."""
        readable, _, _ = select.select([self._inbox], [], [], timeout)
        if readable:
            self.stops += sum(number in STOPPING for number in self._inbox.recv(4096))

    @property
    def stopping(self) -> bool:
        return self.stops > 0


@contextlib.contextmanager
def caught() -> Iterator[Signals]:
    """Catch SIGINT, SIGTERM, SIGHUP (unless it is ignored, as under nohup) and SIGCHLD while the block runs.

    Handlers, not a signal mask: a mask would be inherited by the children.
    """
    inbox, outbox = socket.socketpair()
    with inbox, outbox:
        outbox.setblocking(False)
        previous = signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)
        numbers = [
            number for number in STOPPING if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
        ]
        handlers = {number: signal.signal(number, lambda *_: None) for number in (*numbers, signal.SIGCHLD)}
        try:
            yield Signals(inbox)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous)
