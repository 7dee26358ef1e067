"""Read JUnit XML as runners write it: no schema is agreed on, so only what all of them mean alike is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from xml.parsers import expat

from shipping.testrun.report import TEXT_LIMIT

if TYPE_CHECKING:
    from pathlib import Path

Outcome = Literal["passed", "failed", "error", "skipped"]

LARGEST = 64 * 1024 * 1024
DEEPEST = 100
_OUTCOMES: dict[str, Outcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}
_SUITES = ("testsuites", "testsuite")
# Colours in a test's name or message are common, and XML has no way to write them: several reporters do it all the same.
_CONTROL = bytes.maketrans(bytes(range(9)) + b"\x0b\x0c" + bytes(range(14, 32)), b"?" * 29)
_COLORS = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class UnreadableError(Exception):
    """The file is no JUnit report; the message says why, as the end of a sentence that begins with its subject."""


@dataclass(slots=True, kw_only=True)
class Case:
    """One test as its runner told it. ``places`` are what may name its file, the most exact first."""

    name: str
    places: tuple[str, ...] = ()
    outcome: Outcome = "passed"
    seconds: float = 0.0
    text: str = ""

    @property
    def bad(self) -> bool:
        return self.outcome in ("failed", "error")


@dataclass(slots=True, kw_only=True)
class Document:
    """A whole report. ``failures`` is how many the report counts; ``says_none``: it says itself that there was no test."""

    cases: list[Case] = field(default_factory=list)
    failures: int = 0
    says_none: bool = False


def read_document(path: Path) -> Document | None:
    """Read a report, None where there is none. Raises UnreadableError."""
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(f"could not be read: {error.strerror}") from error
    if len(body) > LARGEST:
        raise UnreadableError(f"is larger than {LARGEST >> 20} MiB")
    return parse(body)


def parse(body: bytes) -> Document:
    """Read the bytes of a report. Document types, and with them entities, are refused: nothing here may expand."""
    reader = _Reader()
    clean = body if body.startswith(_UTF16) else _COLORS.sub(b"", body).translate(_CONTROL)
    try:
        reader.read(clean)
    except expat.ExpatError as error:
        raise UnreadableError(f"is not XML: {error}") from error
    except (LookupError, ValueError) as error:  # an encoding that nobody knows
        raise UnreadableError(f"is not XML that can be read: {error}") from error
    if not reader.root:
        raise UnreadableError("is no JUnit: it has no <testsuites> or <testsuite>")
    return reader.document


class _Reader:
    """Takes cases out of the stream of elements; what a test printed (``system-out``) is left where it is."""

    def __init__(self) -> None:
        self.document = Document()
        self.root = False
        self._open: list[str] = []
        self._suites: list[dict[str, str]] = []
        self._case: Case | None = None
        self._text: list[str] = []

    def read(self, body: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.Parse(body, True)

    def _refuse(self, *_doctype: object) -> None:
        raise UnreadableError("has a document type, which is refused")

    def _start(self, name: str, given: dict[str, str]) -> None:
        self._open.append(name)
        if len(self._open) > DEEPEST:
            raise UnreadableError(f"is nested more than {DEEPEST} deep")
        if len(self._open) == 1:
            self.root = name in _SUITES
        if name in _SUITES:
            self._suite(given)
        elif name == "testcase" and self._case is None:
            self._case = self._begun(given)
        elif self._case is not None and self._open[-2] == "testcase" and name in _OUTCOMES:
            self._worse(self._case, _OUTCOMES[name])
            self._text = [given.get("message", ""), "\n"]
        elif self._case is None and name in ("failure", "error"):  # of a suite: its file did not load, its hook failed
            self.document.failures = max(self.document.failures, 1)

    def _end(self, name: str) -> None:
        self._open.pop()
        if name in _SUITES:
            self._suites.pop()
        elif name == "testcase" and self._case is not None and "testcase" not in self._open:
            self.document.cases.append(self._case)
            self._case = None
        elif name in _OUTCOMES and self._case is not None and self._open[-1] == "testcase":
            if not self._case.text:
                self._case.text = "".join(self._text).strip()[-TEXT_LIMIT:]
            self._text = []

    def _data(self, text: str) -> None:
        if self._text:
            self._text.append(text)

    def _suite(self, given: dict[str, str]) -> None:
        self._suites.append(given)
        self.document.failures = max(
            self.document.failures, _count(given.get("failures")) + _count(given.get("errors"))
        )
        if len(self._open) == 1:
            self.document.says_none = given.get("tests", "").strip() == "0"

    def _begun(self, given: dict[str, str]) -> Case:
        outer = [suite.get("name", "") for suite in self._suites]
        files = [suite["file"] for suite in reversed(self._suites) if suite.get("file")]
        places = [given.get("file", ""), *files, given.get("classname", ""), *reversed(outer)]
        name = " > ".join(part for part in (*outer[1:], given.get("name", "")) if part)
        return Case(
            name=name, places=tuple(place for place in places if place), seconds=_seconds(given.get("time", ""))
        )

    @staticmethod
    def _worse(case: Case, outcome: Outcome) -> None:
        order = ("passed", "skipped", "failed", "error")
        case.outcome = max(case.outcome, outcome, key=order.index)


def _count(value: str | None) -> int:
    return int(value) if value and value.strip().isdecimal() else 0


def _seconds(value: str) -> float:
    try:
        seconds = float(value.replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 1e7 else 0.0
