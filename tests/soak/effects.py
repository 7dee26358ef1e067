"""A build of sixty jobs that write down what they do, and the question whether each did it exactly once."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

LINES = 20
LOST = -1
ATTEMPTS = 10
CHILD, CHILD_JOBS = "triggered", 4

# Each attempt writes one line in one write: that is its effect. Then it says LINES numbered lines into its log.
JOB = """#!/bin/sh
set -eu
printf '%s %s %s\\n' "$BUILDKITE_JOB_ID" "$BUILDKITE_RETRY_COUNT" "$BUILDKITE_STEP_KEY" >> "$EFFECTS"
for line in $(seq {lines}); do echo "line $line"; done
sleep "0.$(( $(printf '%d' "0x$(printf %.2s "$BUILDKITE_JOB_ID")") % 5 ))"
case "$BUILDKITE_STEP_KEY-$BUILDKITE_RETRY_COUNT" in
  flaky*-0) exit 9 ;;
  soft*) exit 3 ;;
  up*) sh upload ;;
esac
""".replace("{lines}", str(LINES))

# A second attempt of an uploader meets the steps of the first: then the upload has landed, and that is what was wanted.
UPLOADED = """#!/bin/sh
buildkite-agent pipeline upload "$BUILDKITE_STEP_KEY.json" > upload.log 2>&1 && exit
grep -q "has already been used by another step" upload.log && echo "uploaded before" && exit
cat upload.log; exit 1
"""


def files() -> dict[str, str]:
    """Return the repository: what the uploading steps upload, and the scripts that jobs run."""
    return {
        "up-0.json": json.dumps({"steps": first()}),
        "up-1.json": json.dumps({"steps": [*jobs("a", 8), step("up-2"), *jobs("b", 4)]}),
        "up-2.json": json.dumps({"steps": [*jobs("c", 6), {"group": "more", "steps": jobs("d", 4)}]}),
        "job": JOB,
        "upload": UPLOADED,
    }


def configuration() -> str:
    """Return the first step, as the pipeline's settings have it."""
    return json.dumps({"steps": [step("up-0")]})


def child() -> str:
    """Return the steps of the pipeline that is triggered."""
    return json.dumps({"steps": [*jobs("k", CHILD_JOBS - 1), {"wait": None}, step("flaky-k")]})


def first() -> list[Any]:
    """Return the first document: parallel, flaky, soft-failing, limited and uploading steps, waits between some of them."""
    return [
        step("up-1"),
        *jobs("e", 5),
        step("wide", parallelism=6),
        {"wait": None},
        *(step(f"flaky-{number}") for number in range(4)),
        *(step(f"soft-{number}", soft_fail=[{"exit_status": 3}]) for number in range(3)),
        *(step(f"limited-{number}", concurrency=1, concurrency_group="soak") for number in range(5)),
        {"wait": None, "continue_on_failure": True},
        *jobs("f", 11),
        # The agent fills in the variable: the triggered builds write down what they do in the same file.
        {"trigger": CHILD, "label": "sync", "build": {"env": {"EFFECTS": "$EFFECTS"}}},
        {"trigger": CHILD, "label": "async", "async": True, "build": {"env": {"EFFECTS": "$EFFECTS"}}},
        step("last", depends_on=["f-0", "up-1"]),
    ]


def jobs(name: str, count: int) -> list[dict[str, Any]]:
    return [step(f"{name}-{number}") for number in range(count)]


def step(key: str, **more: object) -> dict[str, Any]:
    """Return a step that is run again when its agent is lost, and once more when it is flaky."""
    rules = [{"exit_status": LOST, "limit": ATTEMPTS}, {"exit_status": 9, "limit": 1}]
    return {"key": key, "label": key, "command": "sh job", "retry": {"automatic": rules}, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What one build came to. ``doubled``, ``missing`` and ``strange`` must be empty."""

    jobs: int
    attempts: int
    lost: int
    effects: int
    doubled: tuple[str, ...]
    missing: tuple[str, ...]
    strange: tuple[str, ...]


def count(attempts: Iterable[Mapping[str, Any]], effects: Path) -> Counts:
    """Hold what REST says about every attempt against what the attempts have written down.

    One that ended by itself did it exactly once; one whose agent was lost at most once; nobody else did it.
    """
    done = Counter(line.split()[0] for line in effects.read_text().splitlines())
    attempts = list(attempts)
    ids = {attempt["id"] for attempt in attempts}
    ended = [one for one in attempts if one["exit_status"] not in (None, LOST)]
    return Counts(
        jobs=sum(not one["retried"] for one in attempts),
        attempts=len(attempts),
        lost=sum(one["exit_status"] == LOST for one in attempts),
        effects=done.total(),
        doubled=tuple(sorted(job for job, times in done.items() if times > 1)),
        missing=tuple(sorted(one["id"] for one in ended if done[one["id"]] == 0)),
        strange=tuple(sorted(set(done) - ids)),
    )
