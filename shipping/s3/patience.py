"""How long an answer is waited for, how often a request is made again, and how long to wait in between."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline_gen.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Seconds. The sum, about 6 s, outlasts a connection storm and a busy partition; an outage is for Buildkite's retry of the job.
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


# Seconds without a byte after which an answer counts as lost. Short, for a hung region must not hold up a release: seven tries
# of these are about a minute. Silence is counted, not work.
SILENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Bounded exponential back-off. Half of each pause is random, so that writers who met once do not meet again.

    ``silence``: seconds without a byte after which an answer counts as lost; ``pauses``: between two tries.
    """

    clock: Clock = field(default_factory=SystemClock)
    silence: float = SILENCE
    pauses: tuple[float, ...] = PAUSES
    chance: Callable[[], float] = random.random

    def tries(self) -> Iterator[int]:
        """Yield the number of each try, and sleep between them."""
        yield 0
        for number, pause in enumerate(self.pauses, start=1):
            self.clock.sleep(pause * (0.5 + self.chance() / 2))
            yield number
