"""One writer of a contended lane: ``python -m tests.soak.writing BUCKET NUMBER FIRST LAST``, with AWS_* in the environment.

In each round it wants its own commit at the round's position, as 16 builds of one merge would. Prints what it was told: the
rounds it won, with their tokens, and those that it was refused.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

from shipping.lane import machine
from shipping.lane.ledger import Change, Ledger
from shipping.lane.machine import Superseded
from shipping.s3 import connect
from tests.soak.rounds import APP, ENVIRONMENT, act, release

if TYPE_CHECKING:
    from shipping.lane.machine import Refusal
    from shipping.records.lane import Lane


def main(name: str, number: int, first: int, last: int) -> None:
    won: dict[int, str] = {}
    refused: list[int] = []
    with connect(name) as bucket:
        ledger = Ledger(bucket, app=APP, environment=ENVIRONMENT)
        for position in range(first, last + 1):
            found = ledger.change(act(number, position), partial(flipped, number, position), hosts=[f"writer-{number}"])
            if isinstance(found, Change):
                won[position] = str(found.transition.token)
            else:
                assert isinstance(found, Superseded), found
                refused.append(position)
    print(json.dumps({"won": won, "refused": refused}))


def flipped(number: int, position: int, lane: Lane) -> Lane | Refusal:
    return machine.flip(lane, release(number, position), act(number, position))


if __name__ == "__main__":
    main(sys.argv[1], *(int(one) for one in sys.argv[2:5]))
