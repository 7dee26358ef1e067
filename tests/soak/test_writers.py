"""Many processes write one lane over the real S3 API, which refuses and hangs up: no transition is lost, none is double.

The numbers are set by SHIP_WRITERS (16) and SHIP_WRITER_ROUNDS (2000). The figures are kept in results/writers.json.
"""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from shipping.lane import keys
from shipping.lane.ledger import Ledger
from shipping.local.objects import running
from shipping.local.objects.faults import Fault
from shipping.records.lane import Token
from tests.soak.rounds import APP, ENVIRONMENT, act

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.local.objects import ObjectServer
    from shipping.local.objects.faults import Kind
    from shipping.records.history import Entry

WRITERS = int(os.environ.get("SHIP_WRITERS", "16"))
ROUNDS = int(os.environ.get("SHIP_WRITER_ROUNDS", "2000"))
RESULTS = Path(__file__).parent / "results" / "writers.json"
KINDS: tuple[Kind, ...] = ("409", "412", "503", "500", "cut-before", "cut-after")
LANE, HISTORY = keys.lane(APP, ENVIRONMENT), f"{keys.history(APP, ENVIRONMENT)}*"
SEED, PAUSE = 16, 0.05
BUCKET = "contended-us"


def test_sixteen_processes_lose_no_transition_and_make_none_twice() -> None:
    """Each round is won by exactly one writer, who knows it; the others know that they lost; the history has it all, once."""
    began = time.monotonic()
    with running() as objects:
        objects.create_bucket(BUCKET)
        with mischief(objects) as done_wrong:
            told = write(objects)
        with objects.bucket(BUCKET) as bucket:
            history = Ledger(bucket, app=APP, environment=ENVIRONMENT).history()
        puts = len(objects.faults.seen("put", key=LANE))

    tokens = [Token(counter=number) for number in range(1, ROUNDS + 1)]
    assert [one.transition.token for one in history] == tokens
    assert [one.pointer.position for one in history if one.pointer] == list(range(1, ROUNDS + 1))
    assert {one.transition.id: str(one.transition.token) for one in history} == claimed(told)
    assert all(set(one["won"]) | {str(each) for each in one["refused"]} == numbers() for one in told)
    assert all(len(one["won"]) + len(one["refused"]) == ROUNDS for one in told)
    assert all(done_wrong[kind] > 0 for kind in KINDS), done_wrong
    keep(history, done_wrong, puts=puts, seconds=time.monotonic() - began)


def numbers() -> set[str]:
    return {str(position) for position in range(1, ROUNDS + 1)}


def claimed(told: list[dict[str, Any]]) -> dict[str, str]:
    """Return the token of each act that its writer believes to have won."""
    return {
        act(number, int(position)).id: token
        for number, one in enumerate(told)
        for position, token in one["won"].items()
    }


def write(objects: ObjectServer) -> list[dict[str, Any]]:
    """Run the writers; return what each was told."""
    argv = [sys.executable, "-m", "tests.soak.writing", BUCKET]
    env = {**os.environ, **objects.environment}
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                subprocess.Popen([*argv, str(number), "1", str(ROUNDS)], env=env, stdout=subprocess.PIPE, text=True)
            )
            for number in range(WRITERS)
        ]
        for one in writers:
            stack.callback(one.kill)
        said = [one.communicate()[0] for one in writers]
        assert [one.returncode for one in writers] == [0] * WRITERS
    return [json.loads(one) for one in said]


@contextmanager
def mischief(objects: ObjectServer) -> Iterator[Counter[str]]:
    """Have some request of some writer go wrong all the time, on the lane itself and on its history; count what did."""
    done: Counter[str] = Counter()
    over, chance = Event(), random.Random(SEED)

    def strike() -> None:
        while not over.wait(PAUSE):
            if objects.faults.pending == 0:
                kind = chance.choice(KINDS)
                key = LANE if chance.random() < 0.8 else HISTORY
                objects.faults.add(Fault(kind=kind, operation="put", key=key, skip=chance.randrange(3)))
                done[kind] += 1

    thread = Thread(target=strike)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


def keep(history: list[Entry], done_wrong: Counter[str], *, puts: int, seconds: float) -> None:
    """Write the figures down, with date, machine and command."""
    winners = Counter(one.transition.actor for one in history)
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores",
        "command": f"SHIP_WRITERS={WRITERS} SHIP_WRITER_ROUNDS={ROUNDS} python -m pytest -s tests/soak/test_writers.py",
        "writers": WRITERS,
        "rounds": ROUNDS,
        "transitions": len(history),
        "lost": ROUNDS - len({one.transition.token for one in history}),
        "double": len(history) - len({one.transition.id for one in history}),
        "writes of the lane": puts,
        "of them in vain": puts - len(history),
        "gone wrong on purpose": dict(sorted(done_wrong.items())),
        "rounds won by a writer": {"fewest": min(winners.values()), "most": max(winners.values())},
        "seconds": round(seconds),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))
