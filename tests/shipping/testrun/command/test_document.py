"""JUnit as runners write it, in data files: what was read of each, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shipping.testrun.command import document
from shipping.testrun.command.document import UnreadableError, parse, read_document
from shipping.testrun.command.part import _dealt

CASES = sorted((Path(__file__).parents[3] / "cases" / "junit").glob("*.yml"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_what_a_runner_wrote_is_read(case: Path) -> None:
    """Names, outcomes, times, the words of a failure, and the file, however it was written."""
    wanted = yaml.safe_load(case.read_text())

    found = parse(wanted["report"].replace("ESC", "\x1b").encode())

    assert [[one.name, one.outcome, one.seconds] for one in found.cases] == wanted["cases"]
    assert found.failures == wanted["failures"]
    assert found.says_none == wanted.get("none", False)
    if "text" in wanted:
        assert [one.text for one in found.cases if one.bad] == [wanted["text"]]
    if "file" in wanted:
        assert list(_dealt(found, [wanted["file"]], root=Path("/checkout"))) == [wanted["file"]]


REFUSED = {
    "entities": ('<!DOCTYPE a [<!ENTITY b "c">]><testsuites>&b;</testsuites>', "has a document type"),
    "an outer document type": ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><testsuites/>', "has a document type"),
    "half a document": ("<testsuites><testsuite>", "is not XML: no element found"),
    "nothing": ("", "is not XML: no element found"),
    "another root": ("<html/>", "is no JUnit"),
    "too deep": (f"<testsuites>{'<a>' * 200}", "nested more than 100 deep"),
    "an unknown encoding": ('<?xml version="1.0" encoding="klingon"?><testsuites/>', "is not XML"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_report_is_refused_with_the_reason(what: str) -> None:
    body, said = REFUSED[what]

    with pytest.raises(UnreadableError, match=said):
        parse(body.encode())


def test_a_report_of_any_size_is_not_read(tmp_path: Path) -> None:
    """A runner that writes without end must not take the agent's memory with it."""
    report = tmp_path / "report.xml"
    with report.open("wb") as file:
        file.truncate(document.LARGEST + 1)

    with pytest.raises(UnreadableError, match="is larger than 64 MiB"):
        read_document(report)


def test_a_report_that_is_not_there_or_is_a_folder_is_told_apart(tmp_path: Path) -> None:
    assert read_document(tmp_path / "none.xml") is None

    with pytest.raises(UnreadableError, match="could not be read"):
        read_document(tmp_path)


ELEMENTS = (
    "testsuites",
    "testsuite name='a' tests='1'",
    "testcase name='b' time='1'",
    "failure message='no'",
    "system-out",
)
OTHERS = (
    "<skipped/>",
    "<error/>",
    "text",
    "&lt;",
    "&x;",
    "\x1b[31m",
    "<!DOCTYPE a>",
    "<![CDATA[ <",
    "]]>",
    "\0",
    "é",
    "<",
    "'",
)
PIECES = (*(f"<{name}>" for name in ELEMENTS), *(f"</{name.partition(' ')[0]}>" for name in ELEMENTS), *OTHERS)


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.sampled_from(["utf-8", "utf-16", "latin-1"]))
def test_whatever_a_runner_writes_is_read_or_refused(text: str, encoding: str) -> None:
    """No other end: a shard must report whatever its runner left."""
    try:
        found = parse(text.encode(encoding))
    except UnreadableError:
        return

    assert found.failures >= 0
    assert all(case.outcome in {"passed", "failed", "error", "skipped"} for case in found.cases)
