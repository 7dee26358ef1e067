"""Record what each test file runs: a process each, under the suite's own coverage, turned into functions of the commit."""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_gen.suites.coverage_map import TestRecord
from pipeline_gen.suites.imports import Imports, read_imports
from pipeline_gen.suites.parts import Part
from pipeline_gen.suites.source import Function, UnreadableSourceError, functions
from shipping.testrun import recorder
from shipping.testrun.ending import how

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from shipping.testrun.run import Run, Runner


class NoCoverageError(Exception):
    """The suite's interpreter has no coverage."""


class Sources:
    """The commit's Python files, each parsed when it is first asked for."""

    def __init__(self, root: Path, tracked: Iterable[str]) -> None:
        self._root = root
        self.files = frozenset(path for path in tracked if path.endswith(".py"))
        self.folders = frozenset(path.rpartition("/")[0] or "." for path in self.files)
        self._functions: dict[str, tuple[Function, ...]] = {}

    def ran(self, path: str, lines: Sequence[int]) -> tuple[str, ...]:
        """Return the functions of ``path`` of which one of the (ascending) lines ran."""
        if path not in self._functions:
            self._functions[path] = self._parse(path)
        names = {one.name for one in self._functions[path] if _any_between(lines, one.first, one.last)}
        return tuple(sorted(names))

    def imports(self) -> dict[str, Imports]:
        """Return what every file imports; one that cannot be parsed may import anything."""
        found = {}
        for path in sorted(self.files):
            try:
                found[path] = read_imports(path, (self._root / path).read_bytes())
            except (UnreadableSourceError, OSError):
                found[path] = Imports(dynamic=True)
        return found

    def _parse(self, path: str) -> tuple[Function, ...]:
        try:
            return functions((self._root / path).read_bytes())
        except (UnreadableSourceError, OSError):
            return ()  # selection runs everything when such a file changes: it cannot parse it either


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Records test files one after the other; ``runner`` is the shard's, ``sources`` are those of the checkout."""

    runner: Runner
    sources: Sources
    say: Callable[[str], None]

    def record(self, files: Sequence[str]) -> list[TestRecord]:
        """Record the files. A file that is not green when it runs alone is in the result, with its problem.

        Raises NoCoverageError where the suite's interpreter lacks coverage, and what the runner raises.
        """
        records = []
        for number, file in enumerate(files):
            record = self._record(file, number)
            self.say(f"{number + 1}/{len(files)} {file}: {_summary(record)}")
            records.append(record)
        return records

    def _record(self, file: str, number: int) -> TestRecord:
        output = self.runner.folder / f"record-{number}.json"
        program = (str(Path(recorder.__file__)), str(output), str(self.runner.root))
        # The tests' own output is the shard's to show; here only what goes wrong is of interest.
        quiet = replace(self.runner, module=program, say=_nothing)
        run = quiet.run(Part(files=(file,)), name=f"recorded-{number}")
        if run.ended.code == recorder.NO_COVERAGE and not output.exists():
            raise NoCoverageError
        if not output.exists():
            return TestRecord(file=file, ran={}, problem=f"when recorded, it {_ending(run)}")
        found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
        return self._read(file, run, found)

    def _read(self, file: str, run: Run, found: Mapping[str, Any]) -> TestRecord:
        lines: dict[str, list[int]] = {path: ran for path, ran in found["lines"].items() if path in self.sources.files}
        ran = {path: names for path in sorted(lines) if (names := self.sources.ran(path, lines[path]))}
        read = [path for path in found["read"] if path in self.sources.files and path != file]
        opaque = f"it reads {read[0]} as text" if read else ""
        if found["started"]:
            opaque = f"it starts other processes ({found['started']})"
        return TestRecord(
            file=file,
            ran=ran,
            loaded=tuple(sorted(self.sources.files & {*lines, *found["modules"]})),
            opaque=opaque,
            problem=_problem(file, run, found, ran),
            finds=not self.sources.folders.isdisjoint(found["listed"]),
        )


def recorded_files(parts: Sequence[Part], *, index: int, count: int) -> tuple[str, ...]:
    """Return what job ``index`` of ``count`` records: whole files; a split one goes where its remainder is, once."""
    mine = parts[index::count]
    return tuple(sorted(file for part in mine for file in (*part.files, *part.remainder)))


def _problem(file: str, run: Run, found: Mapping[str, Any], ran: Mapping[str, tuple[str, ...]]) -> str:
    """Say why the record cannot be trusted; empty where it can."""
    failed = [result.id for result in run.trace.results if result.bad]
    if failed or run.trace.broken:
        return f"when recorded, it failed ({failed[0] if failed else 'collection'})"
    if run.ended.code not in (0, 5):
        return f"when recorded, it {_ending(run)}"
    if found["retraced"]:
        return "when recorded, it set a trace function of its own, which blinds coverage"
    if any(result.outcome == "passed" for result in run.trace.results) and not ran.get(file):
        return "when recorded, coverage saw none of its tests run"
    return ""


def _ending(run: Run) -> str:
    return "hung" if run.ended.cause == "hang" else how(run.ended)


def _summary(record: TestRecord) -> str:
    if record.problem:
        return f"not recorded: {record.problem}"
    counted = sum(len(names) for names in record.ran.values())
    return f"{counted} functions in {len(record.ran)} files{'; ' + record.opaque if record.opaque else ''}"


def _any_between(lines: Sequence[int], first: int, last: int) -> bool:
    at = bisect_left(lines, first)
    return at < len(lines) and lines[at] <= last


def _nothing(_line: str) -> None:
    """Print nothing."""
