"""Run a part by the suite's own command: once per file, or once for all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline_gen.errors import UsageError
from shipping.processes import Watch
from shipping.testrun.command.document import UnreadableError, read_document
from shipping.testrun.command.verdict import Told, judge_file, judge_files
from shipping.testrun.command.words import fill, runs_per_file
from shipping.testrun.ran import Ran
from shipping.testrun.setup import set_up

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pipeline_gen.config import Suite
    from pipeline_gen.suites.parts import Part
    from shipping.processes import ProcessTree
    from shipping.testrun.command.document import Case, Document
    from shipping.testrun.command.verdict import Verdict
    from shipping.testrun.events import Result
    from shipping.testrun.incident import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandParts:
    """A `PartRunner` of suites that a command runs. ``folder`` takes its reports; nothing is written into the checkout."""

    suite: Suite
    root: Path
    env: Mapping[str, str]
    tree: ProcessTree
    folder: Path
    say: Callable[[str], None]

    def set_up(self) -> float:
        return set_up(self.suite, self.tree, root=self.root, env=self.env, say=self.say)

    def run_part(self, part: Part, *, name: str) -> Ran:
        """Run the files of a part. Raises UsageError where the command names a program that is not there."""
        folder = self.folder / name
        folder.mkdir()
        if runs_per_file(self.suite.command):
            return self._run_each(part.touched, folder)
        return self._run_all(part.touched, folder)

    def _run_each(self, files: Sequence[str], folder: Path) -> Ran:
        """Run one file after the other, until one hangs: as with pytest, the shard ends then."""
        results: list[Result] = []
        cases: dict[str, tuple[Result, ...]] = {}
        incident: Incident | None = None
        for number, file in enumerate(files):
            self.say(f"--- {self.suite.name}: {file}")
            verdict = judge_file(file, self._run([file], folder / f"{number}.xml"), hang=self.suite.hang)
            results += verdict.results
            cases.update(verdict.cases)
            self._say_failed(verdict)
            incident = verdict.incident
            if incident is not None:
                break
        return Ran(
            seconds=sum(result.seconds for result in results),
            collected=tuple(files),
            results=tuple(results),
            cases=cases,
            files=dict.fromkeys(files, 0.0),
            incident=incident,
        )

    def _run_all(self, files: Sequence[str], folder: Path) -> Ran:
        told = self._run(files, folder / "report.xml")
        by_file = _dealt(told.document, files, root=self.root) if told.document else {}
        verdict = judge_files(files, told, by_file, hang=self.suite.hang)
        self._say_failed(verdict)
        results, start = _within(verdict.results, told.ended.seconds)
        return Ran(
            seconds=told.ended.seconds,
            collected=tuple(files),
            results=results,
            cases=verdict.cases,
            files=dict.fromkeys(files, 0.0),
            incident=verdict.incident,
            session_seconds=start,
        )

    def _run(self, files: Sequence[str], report: Path) -> Told:
        argv = fill(self.suite.command, files=files, junit=str(report))
        ended = self.tree.run(argv, cwd=self.root, env=self.env, output=self.say, watch=Watch(seconds=self.suite.hang))
        if ended.cause == "missing":
            raise UsageError(
                f"cannot run {argv[0]!r} of suite {self.suite.name!r}: {ended.message}",
                hint=f"suites/{self.suite.name}/command names a program that this agent, or the suite's setup, must have",
            )
        try:
            return Told(ended=ended, document=read_document(report))
        except UnreadableError as error:
            return Told(ended=ended, document=None, unreadable=str(error))

    def _say_failed(self, verdict: Verdict) -> None:
        """Open the log's group that holds a failure; a runner that only writes JUnit prints nothing of it."""
        bad = [result for result in verdict.results if result.bad]
        for result in bad:
            self.say(f"^^^ +++\n{result.id}: {result.outcome}\n{result.text}")


def _dealt(document: Document, files: Sequence[str], *, root: Path) -> dict[str, list[Case]]:
    """Return the cases by file; of one that names no file of the part, under the most exact name that it has."""
    wanted = frozenset(files)
    found: dict[str, list[Case]] = {}
    for case in document.cases:
        places = [_relative(place, root) for place in case.places]
        file = next((place for place in places if place in wanted), places[0] if places else case.name)
        found.setdefault(file, []).append(case)
    return found


def _relative(place: str, root: Path) -> str:
    """Return a file's path as the plan has it, however the runner wrote it."""
    real = os.path.realpath(root)
    for base in (str(root), real):
        if place.startswith(f"{base}{os.sep}"):
            return os.path.relpath(place, base)
    return os.path.normpath(place) if "/" in place else place


def _within(results: Sequence[Result], seconds: float) -> tuple[tuple[Result, ...], float]:
    """Fit what the files took into the time of the whole, and return what is left: the command's own start and end.

    A runner that works on several files at once tells more seconds than went by.
    """
    told = sum(result.seconds for result in results)
    if told <= seconds:
        return tuple(results), seconds - told
    return tuple(replace(result, seconds=result.seconds * seconds / told) for result in results), 0.0
