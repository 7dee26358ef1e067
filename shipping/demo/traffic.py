"""The customers of all hosts at once, and whether each comment that they wrote is there, once, and was sent on, once."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from shipping.demo.load import Customers, Load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from shipping.demo.load import Counted, Failure

RATE = 10.0
"""Requests a second to each host. One in ten is a comment whose second half comes three seconds after the first."""
COMMENT = '{"author": "A customer", "body": "{}"}'
NAMED = 5
DELIVERED = 20.0
"""Seconds for workers to send on what was written last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the application's database holds: comments by their text, and how often each was sent on (0: not yet)."""

    comments: Counter[str]
    deliveries: tuple[int, ...]

    @property
    def delivered(self) -> bool:
        return all(self.deliveries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What customers saw, beside what the application kept.

    ``seconds`` are those of the answers to fast requests, sorted. ``lost`` and ``doubled`` are comments, ``late`` and
    ``repeated`` those that were not sent on, or more than once.
    """

    sent: int
    fresh: int
    reused: int
    seconds: tuple[float, ...]
    failures: tuple[Failure, ...]
    comments: int
    lost: int
    doubled: int
    late: int
    repeated: int

    @property
    def ok(self) -> bool:
        return not (self.failures or self.lost or self.doubled or self.late or self.repeated)

    def within(self, share: float) -> str:
        """Return in how many milliseconds so many of the fast requests were answered."""
        if not self.seconds:
            return "-"
        return f"{self.seconds[min(int(len(self.seconds) * share), len(self.seconds) - 1)] * 1000:.0f} ms"

    def lines(self) -> list[str]:
        """Return it in words, the first failures by name."""
        shown = [f"  {one.what}: {one.why}" for one in self.failures[:NAMED]]
        return [
            f"requests sent       {self.sent:6}  ({self.fresh} new connections, {self.reused} times a kept one)",
            f"requests failed     {len(self.failures):6}",
            *shown,
            f"answered within     {self.within(0.5):6}  (99 of 100 within {self.within(0.99)}; comments not counted)",
            f"comments written    {self.comments:6}  (lost {self.lost}, written twice {self.doubled})",
            f"comments sent on    {self.comments - self.late:6}  (left behind {self.late}, sent twice {self.repeated})",
        ]


class Traffic:
    """Customers at each address, from entering it to leaving it; leaving waits for all answers."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._loads = [Load(_customers(address)) for address in addresses]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for load in self._loads:
                stack.enter_context(load)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._stack.close()

    @property
    def counted(self) -> list[Counted]:
        return [load.counted for load in self._loads]

    def first(self, commit: str) -> float | None:
        """Return the moment at which a customer was answered by this release first, in seconds since 1970."""
        return min((one.seen[commit] for one in self.counted if commit in one.seen), default=None)


def tally(counted: Sequence[Counted], kept: Kept) -> Tally:
    """Compare what was asked with what was kept."""
    written = [text for one in counted for text in one.posted]
    return Tally(
        sent=sum(one.sent for one in counted),
        fresh=sum(one.fresh for one in counted),
        reused=sum(one.reused for one in counted),
        seconds=tuple(sorted(second for one in counted for second in one.seconds)),
        failures=tuple(failure for one in counted for failure in one.failures),
        comments=len(written),
        lost=sum(kept.comments[text] == 0 for text in written),
        doubled=sum(count > 1 for count in kept.comments.values()),
        late=sum(count == 0 for count in kept.deliveries),
        repeated=sum(count > 1 for count in kept.deliveries),
    )


def kept(database: Path) -> Kept:
    """Read what the application keeps, when its workers have sent everything on, or ought to have."""
    deadline = time.monotonic() + DELIVERED
    while not (found := _read(database)).delivered and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _read(database: Path) -> Kept:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        comments = [str(body) for (body,) in connection.execute("SELECT body FROM comments")]
        rows = connection.execute("SELECT CASE state WHEN 'sent' THEN attempts ELSE 0 END FROM outbox")
        return Kept(comments=Counter(comments), deliveries=tuple(int(count) for (count,) in rows))


def _customers(address: str) -> Customers:
    host, _, port = address.rpartition(":")
    return Customers(
        host=host,
        port=int(port),
        rate=RATE,
        fast_path="/version",
        slow_path=None,
        post_path="/api/comments",
        post_body=COMMENT,
        patience=30.0,
    )
