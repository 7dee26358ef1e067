"""What each test file of a suite ran when it was recorded alone at one commit of main, and how that is stored."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline_gen.suites.imports import Imports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline_gen.ports import Store

SCHEMA = 1

# Older than this, too much of the map is about code that has changed: selecting would run nearly everything anyway.
MAX_AGE = 50


def map_key(app: str, suite: str, commit: str) -> str:
    """Return the key of a suite's map at a commit; written once, from main only."""
    return f"{app}/suites/{suite}/maps/{commit}.json.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRecord:
    """What one test file did in a process of its own.

    ``ran`` names, per source file, the functions that ran; ``loaded`` the source files that were imported. ``opaque`` says why
    coverage cannot have seen all of it, ``problem`` why there is no record of it. ``finds``: it listed folders of source files.
    ``age`` counts the maps through which the record was handed on, because nothing that changed could reach the test file.
    """

    __test__ = False  # pytest collects what is called Test*

    file: str
    ran: Mapping[str, tuple[str, ...]]
    loaded: tuple[str, ...] = ()
    opaque: str = ""
    problem: str = ""
    finds: bool = False
    age: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "ran": {path: list(names) for path, names in self.ran.items()},
            "loaded": list(self.loaded),
            "opaque": self.opaque,
            "problem": self.problem,
            "finds": self.finds,
            "age": self.age,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TestRecord:
        return cls(
            file=data["file"],
            ran={path: tuple(names) for path, names in data["ran"].items()},
            loaded=tuple(data["loaded"]),
            opaque=data["opaque"],
            problem=data["problem"],
            finds=data["finds"],
            age=data["age"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageMap:
    """One suite at one commit. A set of test files is a number whose bit n stands for ``tests[n]``.

    ``imports`` has every Python file of the commit. ``opaque`` and ``unrecorded`` give the reason by test file; ``finders`` are
    the test files that looked which source files there are, ``ages`` those whose records were handed on.
    """

    suite: str
    commit: str
    tests: tuple[str, ...]
    unrecorded: Mapping[str, str]
    opaque: Mapping[str, str]
    finders: tuple[str, ...]
    ages: Mapping[str, int]
    imports: Mapping[str, Imports]
    loaded: Mapping[str, int]
    ran: Mapping[str, Mapping[str, int]]

    def loaded_by(self, path: str) -> frozenset[str]:
        """Return the test files in whose process ``path`` was imported."""
        return self._members(self.loaded.get(path, 0))

    def ran_by(self, path: str, functions: Iterable[str]) -> frozenset[str]:
        """Return the test files that ran one of the functions of ``path``, named as `source.Function` names them."""
        known = self.ran.get(path, {})
        bits = 0
        for name in functions:
            bits |= known.get(name, 0)
        return self._members(bits)

    def records(self) -> dict[str, TestRecord]:
        """Return the records the map was built from, by test file."""
        ran: dict[str, dict[str, list[str]]] = {test: {} for test in self.tests}
        loaded: dict[str, list[str]] = {test: [] for test in self.tests}
        members = {bits: self._members(bits) for names in self.ran.values() for bits in names.values()}
        for path, names in sorted(self.ran.items()):
            for name, bits in sorted(names.items()):
                for test in members[bits]:
                    ran[test].setdefault(path, []).append(name)
        for path, bits in sorted(self.loaded.items()):
            for test in self._members(bits):
                loaded[test].append(path)
        return {
            test: TestRecord(
                file=test,
                ran={path: tuple(names) for path, names in ran[test].items()},
                loaded=tuple(loaded[test]),
                opaque=self.opaque.get(test, ""),
                problem=self.unrecorded.get(test, ""),
                finds=test in self.finders,
                age=self.ages.get(test, 0),
            )
            for test in self.tests
        }

    def _members(self, bits: int) -> frozenset[str]:
        found = set()
        while bits:
            lowest = bits & -bits
            found.add(self.tests[lowest.bit_length() - 1])
            bits ^= lowest
        return frozenset(found)


def build_map(suite: str, commit: str, records: Iterable[TestRecord], imports: Mapping[str, Imports]) -> CoverageMap:
    """Put the records of all test files together; the order they come in does not matter."""
    ordered = sorted(records, key=lambda record: record.file)
    loaded: dict[str, int] = {}
    ran: dict[str, dict[str, int]] = {}
    for number, record in enumerate(ordered):
        bit = 1 << number
        for path in record.loaded:
            loaded[path] = loaded.get(path, 0) | bit
        for path, names in record.ran.items():
            functions = ran.setdefault(path, {})
            for name in names:
                functions[name] = functions.get(name, 0) | bit
    return CoverageMap(
        suite=suite,
        commit=commit,
        tests=tuple(record.file for record in ordered),
        unrecorded={record.file: record.problem for record in ordered if record.problem},
        opaque={record.file: record.opaque for record in ordered if record.opaque},
        finders=tuple(record.file for record in ordered if record.finds),
        ages={record.file: record.age for record in ordered if record.age},
        imports=dict(imports),
        loaded=loaded,
        ran=ran,
    )


def encode(coverage: CoverageMap) -> bytes:
    """Return the map as compressed JSON, the same bytes for the same map.

    Equal sets of test files are written once. gzip, because the generator has it without importing anything more.
    """
    sets = sorted({*coverage.loaded.values(), *(bits for names in coverage.ran.values() for bits in names.values())})
    number = {bits: position for position, bits in enumerate(sets)}
    body = {
        "schema": SCHEMA,
        "suite": coverage.suite,
        "commit": coverage.commit,
        "tests": list(coverage.tests),
        "unrecorded": dict(coverage.unrecorded),
        "opaque": dict(coverage.opaque),
        "finders": list(coverage.finders),
        "ages": dict(coverage.ages),
        "imports": {path: [list(one.names), list(one.mentions), one.dynamic] for path, one in coverage.imports.items()},
        "sets": [f"{bits:x}" for bits in sets],
        "loaded": {path: number[bits] for path, bits in coverage.loaded.items()},
        "ran": {path: {name: number[bits] for name, bits in names.items()} for path, names in coverage.ran.items()},
    }
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return gzip.compress(text.encode(), compresslevel=6, mtime=0)


def decode(body: bytes) -> CoverageMap:
    """Read a map. Raises ValueError where it is damaged or written by a newer ship: a map that cannot be read is no map."""
    try:
        data = json.loads(gzip.decompress(body))
        return _from_json(data) if data["schema"] <= SCHEMA else _too_new(data["schema"])
    except (OSError, EOFError, zlib.error, json.JSONDecodeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"it is damaged ({type(error).__name__}: {error})") from error


def _too_new(schema: object) -> NoReturn:
    raise ValueError(f"its schema is {schema}, this ship knows up to {SCHEMA}")


def _from_json(data: Mapping[str, Any]) -> CoverageMap:
    sets = [int(bits, 16) for bits in data["sets"]]
    return CoverageMap(
        suite=data["suite"],
        commit=data["commit"],
        tests=tuple(data["tests"]),
        unrecorded=data["unrecorded"],
        opaque=data["opaque"],
        finders=tuple(data["finders"]),
        ages=data["ages"],
        imports={
            path: Imports(names=tuple(names), mentions=tuple(mentions), dynamic=dynamic)
            for path, (names, mentions, dynamic) in data["imports"].items()
        },
        loaded={path: sets[number] for path, number in data["loaded"].items()},
        ran={path: {name: sets[number] for name, number in names.items()} for path, names in data["ran"].items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSearch:
    """The newest map that may be used; ``coverage`` is None where there is none. ``reason`` says how old it is, or why not."""

    coverage: CoverageMap | None
    reason: str


def find_map(store: Store, app: str, suite: str, ancestors: Sequence[str]) -> MapSearch:
    """Return the map of the first of ``ancestors`` (first parents from the merge base on, newest first) that has one.

    Asks for one key after the other rather than listing all maps ever made: the newest is usually among the first few.
    """
    for age, commit in enumerate(ancestors[: MAX_AGE + 1]):
        stored = store.get(map_key(app, suite, commit))
        if stored is None:
            continue
        try:
            coverage = decode(stored.body)
        except ValueError as error:
            return MapSearch(coverage=None, reason=f"cannot read the coverage map of {commit[:12]}: {error}")
        return MapSearch(
            coverage=coverage, reason=f"coverage map of {commit[:12]}, {age} commits before the merge base"
        )
    return MapSearch(
        coverage=None, reason=f"no coverage map of the merge base or the {MAX_AGE} commits before it on main"
    )
