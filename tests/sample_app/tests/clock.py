"""A clock that a test moves."""

from __future__ import annotations


class Clock:
    """Stands still at 2024-05-17 09:30 UTC until it is moved."""

    def __init__(self) -> None:
        self.now = 1_715_938_200.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds
