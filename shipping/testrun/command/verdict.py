"""Judge test files by what their command did and what its JUnit says; where the two differ, the worse of them counts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from shipping.testrun.ending import how, killed_by
from shipping.testrun.events import Result
from shipping.testrun.incident import Incident, last_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shipping.processes import Ended
    from shipping.testrun.command.document import Case, Document

Outcome = Literal["passed", "failed", "error", "skipped", "crashed", "hung"]

# Of a file in which several tests failed, each is said in a line; of one, its last words.
MOST_NAMED = 10
LAST_LINES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a command ended, and its report: None where it wrote none, ``unreadable`` saying why it cannot be used."""

    ended: Ended
    document: Document | None
    unreadable: str = ""

    @property
    def missing(self) -> str:
        """Say what is wrong with the report as a whole; empty where it can be read."""
        if self.unreadable:
            return f"its JUnit {self.unreadable}"
        return "" if self.document is not None else "it wrote no JUnit"

    @property
    def ending(self) -> str:
        """Say how the command ended, a signal that a wrapper passed on as an exit status included."""
        number = killed_by(self.ended)
        said = how(self.ended)
        if number is None:
            return said
        named = said if number in said else f"{said}, which stands for {number}"
        return f"{named} (for want of memory?)" if number == "SIGKILL" else named

    @property
    def tail(self) -> str:
        return last_words(self.ended.tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one run of the command means: a result per file, the tests inside, and what was wrong beyond them."""

    results: tuple[Result, ...]
    cases: Mapping[str, tuple[Result, ...]] = field(default_factory=dict)
    incident: Incident | None = None


def judge_file(file: str, told: Told, *, hang: float) -> Verdict:
    """Judge a command that ran one file: all that its report holds is that file's."""
    cases = told.document.cases if told.document else []
    outcome, text = _outcome(cases, told)
    incident = None
    if told.ended.cause == "hang":
        outcome, text = "hung", f"nothing was printed for {hang:g} s"
        incident = Incident(kind="hang", message=f"{text} in {file}", tests=(file,), text=told.tail)
    result = Result(id=file, outcome=outcome, seconds=told.ended.seconds, text=text)
    known = told.document is not None and (cases or told.document.says_none)
    return Verdict(results=(result,), cases={file: _named(file, cases)} if known else {}, incident=incident)


def _outcome(cases: Sequence[Case], told: Told) -> tuple[Outcome, str]:
    """Return what became of a file that had a command for itself, and its last words."""
    bad = [case for case in cases if case.bad]
    ending = f"{told.tail}\n{told.ending}"
    if bad and (told.ended.code or 0) >= 0:
        return "failed", _words(bad)
    if killed_by(told.ended):
        return "crashed", ending
    fault = _fault(cases, told)
    if fault:
        return "error", f"{ending}, {fault}"
    return ("passed" if any(case.outcome == "passed" for case in cases) else "skipped"), ""


def _fault(cases: Sequence[Case], told: Told) -> str:
    """Say why a file without a failed test is not green all the same; empty where it is."""
    if told.missing or told.document is None:
        return f"and {told.missing}"
    if told.document.failures:
        return f"and its JUnit counts {told.document.failures} failure(s) but holds none"
    if told.ended.code != 0:
        return "though its JUnit has no failure"
    if not cases and not told.document.says_none:
        return "and its JUnit holds no test, and does not say that there is none"
    return ""


def judge_files(files: Sequence[str], told: Told, by_file: Mapping[str, Sequence[Case]], *, hang: float) -> Verdict:
    """Judge a command that ran all files of a part. ``by_file`` is its report dealt to them, others' under their own names."""
    foreign = [place for place in by_file if place not in files]
    unnamed = [file for file in files if not by_file.get(file)]
    incident = _incident(files, foreign, unnamed, told, by_file, hang=hang)
    results = [
        result for file in files if (result := _result_of(file, by_file.get(file, ()), told, incident)) is not None
    ]
    cases = {file: _named(file, by_file[file]) for file in files if by_file.get(file)}
    return Verdict(results=tuple(results), cases=cases, incident=incident)


def _incident(
    files: Sequence[str],
    foreign: Sequence[str],
    unnamed: Sequence[str],
    told: Told,
    by_file: Mapping[str, Sequence[Case]],
    *,
    hang: float,
) -> Incident | None:
    """Return what makes the part red whatever its files say."""
    flying = tuple(unnamed or files)
    if told.ended.cause == "hang":
        return Incident(kind="hang", message=f"nothing was printed for {hang:g} s", tests=flying, text=told.tail)
    failed = any(case.bad for cases in by_file.values() for case in cases)
    if (told.ended.code or 0) < 0 or (killed_by(told.ended) and not failed):
        return Incident(kind="crash", message=f"the command {told.ending}", tests=flying, text=told.tail)
    if told.missing:
        message = f"the command {told.ending}, and {told.missing}"
        return Incident(kind="usage", message=message, tests=flying, text=told.tail)
    if foreign:
        named = ", ".join(repr(place) for place in sorted(foreign)[:5])
        message = (
            f"the JUnit names {named}, which is no file of this part: a command that cannot name files runs by {{file}}"
        )
        return Incident(kind="usage", message=message, text=told.tail)
    if told.ended.code != 0 and not failed and not unnamed:
        message = f"the command {told.ending} though no test failed: something in it judges the whole run"
        return Incident(kind="usage", message=message, text=told.tail)
    return None


def _result_of(file: str, cases: Sequence[Case], told: Told, incident: Incident | None) -> Result | None:
    """Return a file's result, None where nothing is known of it: it is then named as not run."""
    bad = [case for case in cases if case.bad]
    seconds = sum(case.seconds for case in cases)
    if bad:
        return Result(id=file, outcome="failed", seconds=seconds, text=_words(bad))
    if cases:
        passed = any(case.outcome == "passed" for case in cases)
        return Result(id=file, outcome="passed" if passed else "skipped", seconds=seconds)
    if incident is not None:
        dying = {"hang": "hung", "crash": "crashed"}.get(incident.kind)
        if dying == "hung":
            return Result(id=file, outcome="hung", text=incident.message)
        return Result(id=file, outcome="crashed", text=incident.message) if dying else None
    return Result(id=file, outcome="error", text=f"{told.tail}\n{told.ending}, and its JUnit does not name this file")


def _named(file: str, cases: Sequence[Case]) -> tuple[Result, ...]:
    return tuple(
        Result(
            id=f"{file}::{case.name}", outcome=case.outcome, seconds=case.seconds, text=case.text if case.bad else ""
        )
        for case in cases
    )


def _words(bad: Sequence[Case]) -> str:
    """Return what a person should read first of a file's failures."""
    if len(bad) == 1:
        return "\n".join([f"✗ {bad[0].name}", *bad[0].text.splitlines()[:LAST_LINES]])
    lines = [f"✗ {case.name}: {case.text.partition(chr(10))[0]}" for case in bad[:MOST_NAMED]]
    more = len(bad) - len(lines)
    return "\n".join([*lines, *([f"and {more} more"] if more else [])])
