"""What went wrong with a pytest process beyond tests that failed: judged from how it ended and what it told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shipping.testrun.ending import how
from shipping.testrun.events import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipping.testrun.events import Trace
    from shipping.testrun.run import Run

Kind = Literal["crash", "hang", "collection", "usage", "internal", "unfinished"]

OK, TESTS_FAILED, INTERRUPTED, INTERNAL, USAGE, NOTHING_COLLECTED = range(6)
TAIL_LINES = 30
_CONFTEST = re.compile(r"ImportError while loading conftest '([^']+)'")
_COMPLAINT = re.compile(r"\b(?:error|ERROR): (?!usage:)(.+)")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Makes the shard red whatever its tests said. ``tests`` were running, ``text`` is what the process left to read."""

    kind: Kind
    message: str
    tests: tuple[str, ...] = ()
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "message": self.message, "tests": list(self.tests), "text": self.text}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Incident:
        return cls(kind=data["kind"], message=data["message"], tests=tuple(data["tests"]), text=data["text"])


def judge(run: Run, *, hang: float) -> Incident | None:
    """Return what was wrong with the run itself, None where its results are all there is to say."""
    trace, ended = run.trace, run.ended
    tail = last_words(ended.tail)
    running = tuple(trace.running)
    if ended.cause == "hang":
        return Incident(kind="hang", message=f"nothing moved for {hang:g} s {_where(trace)}", tests=running, text=tail)
    if trace.internal:
        return Incident(kind="internal", message=f"pytest failed by itself {_where(trace)}", text=trace.internal)
    if trace.status is None and ended.code in (INTERNAL, USAGE) and trace.stage != "collected":
        return _not_started(trace, tail)
    if trace.status is None or ended.code != trace.status:
        message = f"the test process {how(ended)} {_where(trace)}"
        return Incident(kind="crash", message=message, tests=running, text=tail)
    return _judge_finished(trace, tail)


def in_flight(trace: Trace, incident: Incident) -> list[Result]:
    """Return a result for each test that was running when its process died or was killed."""
    outcome: Literal["hung", "crashed"] = "hung" if incident.kind == "hang" else "crashed"
    return [Result(id=test, outcome=outcome, text=incident.message) for test in incident.tests if test in trace.running]


def _judge_finished(trace: Trace, tail: str) -> Incident | None:
    """Judge a pytest that came to its end. Its 2, 3 and 4 are never ours; its 5 is no fault of the tests."""
    if trace.broken:
        files = ", ".join(repr(file) for file in sorted(trace.broken))
        text = "\n\n".join(trace.broken[file] for file in sorted(trace.broken))
        return Incident(kind="collection", message=f"could not collect {files}", text=text)
    if trace.differing:
        named = ", ".join(trace.differing[:10])
        return Incident(kind="collection", message=f"the workers of pytest-xdist collected different tests: {named}")
    if trace.status in (INTERRUPTED, INTERNAL, USAGE):
        return Incident(kind="usage", message=f"pytest ended with its status {trace.status}", text=tail)
    if trace.not_run:
        message = f"pytest ended without running {len(trace.not_run)} of {len(trace.collected)} tests"
        return Incident(kind="unfinished", message=message, text=tail)
    if trace.status == TESTS_FAILED and not any(result.bad for result in trace.results):
        message = (
            "pytest ended with its status 1 though no test failed: something in it judges the whole suite"
            " (such as --cov-fail-under), and a shard runs a part"
        )
        return Incident(kind="usage", message=message, text=tail)
    return None


def _not_started(trace: Trace, tail: str) -> Incident:
    conftest = _CONFTEST.search(tail)
    if conftest:
        return Incident(kind="collection", message=f"could not import {conftest[1]!r}", text=tail)
    complaint = _COMPLAINT.findall(tail)
    why = f": {complaint[-1].strip()}" if complaint else f" {_where(trace)}"
    if "unrecognized arguments: -n" in why:
        why += " (pytest-xdist is not installed in this interpreter)"
    return Incident(kind="usage", message=f"pytest did not start{why}", text=tail)


def last_words(printed: str) -> str:
    """Return what is worth reading of a process's last output: faulthandler's innermost frames, or the last lines."""
    lines = [_ANSI.sub("", line) for line in printed.splitlines()]
    fatal = next((number for number, line in enumerate(lines) if "Fatal Python error" in line), None)
    if fatal is None:
        return "\n".join(lines[-TAIL_LINES:])
    # Innermost first, and pytest's own frames are the same in every traceback.
    frames = [line for line in lines[fatal:] if "/_pytest/" not in line and "/pluggy/" not in line]
    return "\n".join(frames[:TAIL_LINES])


def _where(trace: Trace) -> str:
    """Say what the process was doing when it was last heard of."""
    if trace.running:
        return "in " + ", ".join(trace.running)
    if trace.importing:
        return "while it imported " + ", ".join(sorted(set(trace.importing.values())))
    return {
        "start": "before pytest was up",
        "conftests": "while conftest files were imported",
        "session": "before the tests were collected",
        "collected": "between two tests",
        "end": "after the last test",
    }[trace.stage]
