"""What one pytest process told, read from its event stream."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "crashed", "hung"]

PHASES = frozenset({"setup", "call", "teardown"})
BAD = frozenset({"failed", "error", "crashed", "hung"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run of one test. ``seconds`` are its own; what it set up for others is in the trace's files and session."""

    id: str
    outcome: Outcome
    seconds: float = 0.0
    text: str = ""

    @property
    def bad(self) -> bool:
        return self.outcome in BAD


@dataclass(slots=True)
class _Phases:
    """The reports of one test so far: setup, call and teardown, or how xdist's worker died of it."""

    outcomes: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    text: str = ""
    expected: bool = False

    def add(self, event: dict[str, Any]) -> None:
        if event["outcome"] == "rerun":  # pytest-rerunfailures: only the last run counts
            self.outcomes, self.text = [], ""
            return
        self.outcomes.append((event["when"], event["outcome"]))
        # What it set up for other tests too is not its own time.
        shared = event.get("session_seconds", 0.0) + event.get("file_seconds", 0.0)
        self.seconds += max(0.0, event["seconds"] - shared)
        self.expected = self.expected or event.get("xfail", False)
        self.text = self.text or event.get("text", "")

    def outcome(self) -> Outcome:
        failed = {when for when, outcome in self.outcomes if outcome == "failed"}
        if "call" in failed:
            return "failed"
        if failed:
            return "error" if failed <= PHASES else "crashed"
        if any(outcome == "skipped" for _, outcome in self.outcomes):
            return "xfailed" if self.expected else "skipped"
        return "xpassed" if self.expected else "passed"


@dataclass(slots=True, kw_only=True)
class Trace:
    """The whole stream. ``status`` is pytest's own exit status, None where it never came to its end.

    ``collected`` are the ids this process was to run, in order, repeated where pytest repeats them; ``seen`` every id found
    in the files that are split. ``running`` are the tests begun and not ended, ``importing`` the file that was being imported.
    """

    session: dict[str, Any] = field(default_factory=dict)
    stage: Literal["start", "conftests", "session", "collected", "end"] = "start"
    status: int | None = None
    refused: str = ""
    internal: str = ""
    files: dict[str, float] = field(default_factory=dict)
    ignored: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    seen: dict[str, list[str]] = field(default_factory=dict)
    collections: dict[str, list[str]] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    running: dict[str, None] = field(default_factory=dict)
    importing: dict[str, str] = field(default_factory=dict)
    start_seconds: float = 0.0
    session_seconds: float = 0.0
    phases: dict[str, _Phases] = field(default_factory=dict)

    @property
    def collected(self) -> list[str]:
        """Return what was collected; under xdist every worker collects, and all must have found the same."""
        return next(iter(self.collections.values()), [])

    @property
    def differing(self) -> list[str]:
        """Return the ids that some workers collected and others did not."""
        first = set(self.collected)
        return sorted({test for ids in self.collections.values() for test in first.symmetric_difference(ids)})

    @property
    def not_run(self) -> list[str]:
        """Return the collected ids without a result, in order."""
        done = {result.id for result in self.results}
        return [test for test in self.collected if test not in done]

    def hear(self, event: dict[str, Any]) -> None:
        """Take one event in. Events of a newer plugin that are not known here say nothing."""
        hearing = getattr(self, f"_hear_{event['event']}", None)
        if hearing is not None:
            hearing(event, event.get("worker", ""))

    def _hear_conftests(self, _event: dict[str, Any], worker: str) -> None:
        if not worker:
            self.stage = "conftests"

    def _hear_session(self, event: dict[str, Any], _worker: str) -> None:
        self.session = {key: value for key, value in event.items() if key != "event"}
        self.stage = "session"

    def _hear_collecting(self, event: dict[str, Any], worker: str) -> None:
        self.importing[worker] = event["file"]

    def _hear_file(self, event: dict[str, Any], worker: str) -> None:
        self.importing.pop(worker, None)
        self.files[event["file"]] = max(event["seconds"], self.files.get(event["file"], 0.0))

    def _hear_costs(self, event: dict[str, Any], _worker: str) -> None:
        self.start_seconds = max(event["start"], self.start_seconds)
        for file, seconds in event["files"].items():
            self.files[file] = max(seconds, self.files.get(file, 0.0))

    def _hear_ignored(self, event: dict[str, Any], _worker: str) -> None:
        self.ignored.add(event["file"])

    def _hear_broken(self, event: dict[str, Any], _worker: str) -> None:
        self.broken.setdefault(event["file"], event["text"])

    def _hear_seen(self, event: dict[str, Any], _worker: str) -> None:
        self.seen = {file: [*self.seen.get(file, ()), *ids] for file, ids in event["ids"].items()}

    def _hear_collected(self, event: dict[str, Any], worker: str) -> None:
        self.collections[worker] = event["ids"]
        self.stage = "collected"

    def _hear_start(self, event: dict[str, Any], _worker: str) -> None:
        self.running[event["id"]] = None

    def _hear_report(self, event: dict[str, Any], worker: str) -> None:
        test = event["id"]
        self.phases.setdefault(test, _Phases()).add(event)
        self.session_seconds = max(self.session_seconds, event.get("session_seconds", 0.0))
        file = test.partition("::")[0]
        self.files[file] = self.files.get(file, 0.0) + event.get("file_seconds", 0.0)
        if event["when"] not in PHASES:  # xdist's word for a worker that died; nothing follows
            self._hear_done(event, worker)

    def _hear_done(self, event: dict[str, Any], _worker: str) -> None:
        test = event["id"]
        self.running.pop(test, None)
        phases = self.phases.pop(test, None)
        if phases is not None and phases.outcomes:
            result = Result(id=test, outcome=phases.outcome(), seconds=phases.seconds, text=phases.text)
            self.results.append(result)

    def _hear_refused(self, event: dict[str, Any], _worker: str) -> None:
        self.refused = event["reason"]

    def _hear_internal(self, event: dict[str, Any], _worker: str) -> None:
        self.internal = event["text"]

    def _hear_end(self, event: dict[str, Any], worker: str) -> None:
        for test in list(self.phases):  # plugins that run tests in their own way may not say that one is done
            self._hear_done({"id": test}, worker)
        self.status = event["status"]
        self.stage = "end"


def read_trace(path: Path) -> Trace:
    """Read a stream to its end, or to the line that its writer did not live to finish."""
    trace = Trace()
    for event in _events(path):
        trace.hear(event)
    trace.seen = {file: list(dict.fromkeys(ids)) for file, ids in trace.seen.items()}
    return trace


def _events(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)
