"""Limits how often one visitor may do something: a bucket of tokens for each, refilled at a steady rate."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_VISITORS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Limiter:
    """Lets ``burst`` through at once and ``rate`` a second after that, for each key. Any thread may use it."""

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}

    def wait_for(self, key: str) -> float:
        """Take a token and return 0, or take none and return the seconds until there is one."""
        with self._lock:
            bucket = self._filled(key)
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return 0.0
            return (1 - bucket.tokens) / self._rate

    def __len__(self) -> int:
        return len(self._buckets)

    def _filled(self, key: str) -> _Bucket:
        now = self._clock()
        if key not in self._buckets and len(self._buckets) >= _MOST_VISITORS:
            self._forget(now)
        bucket = self._buckets.setdefault(key, _Bucket(float(self._burst), now))
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._rate)
        bucket.filled_at = now
        return bucket

    def _forget(self, now: float) -> None:
        """Drop who would have a full bucket by now, so that visitors who never return do not fill the memory."""
        full_after = self._burst / self._rate
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if now - bucket.filled_at < full_after}
