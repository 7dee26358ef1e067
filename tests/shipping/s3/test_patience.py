"""How often, and how long."""

from __future__ import annotations

import pytest

from pipeline_gen.clock import ManualClock
from shipping.s3.patience import PAUSES, Patience


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.5), (1.0, 1.0)])
def test_pauses_grow_and_end(chance: float, share: float) -> None:
    """One try more than there are pauses; half of each pause is random."""
    clock = ManualClock()
    before = clock.monotonic()

    tries = list(Patience(clock=clock, chance=lambda: chance).tries())

    assert tries == list(range(len(PAUSES) + 1))
    assert clock.monotonic() - before == pytest.approx(sum(PAUSES) * share)


def test_the_first_try_does_not_wait() -> None:
    """Nor does the last one wait after it."""
    clock = ManualClock()
    before = clock.monotonic()

    assert next(Patience(clock=clock).tries()) == 0
    assert clock.monotonic() == before
