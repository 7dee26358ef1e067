"""A shard's results as JUnit XML, for the tools that read it. A flaky test carries `flakyFailure`, as Surefire writes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pipeline_gen.suites.durations import file_of

if TYPE_CHECKING:
    from shipping.testrun.events import Result
    from shipping.testrun.report import Report

# What XML 1.0 does not allow in any form: control characters and lone surrogates.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> bytes:
    """Return the report as a JUnit document."""
    flaky = {result.id: result for result in report.flaky}
    suite = ET.Element("testsuite", name=f"{report.suite}-{report.shard}")
    for result in report.tests:
        _case(suite, result, flaky.pop(result.id, None))
    for result in flaky.values():  # files whose tests stand above: it is the file that was run twice
        _case(suite, report.final[result.id], result)
    for test in report.not_run:
        case = _element(suite, test, 0.0)
        ET.SubElement(case, "error", message="not run")
    if report.incident is not None:
        case = ET.SubElement(suite, "testcase", classname=_clean(report.suite), name="the test process", time="0")
        error = ET.SubElement(case, "error", message=_clean(report.incident.message))
        error.text = _clean(report.incident.text)
    counts = report.counts()
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(counts["failed"]))
    errors = counts["error"] + counts["crashed"] + counts["hung"] + len(report.not_run)
    suite.set("errors", str(errors + (report.incident is not None)))
    suite.set("skipped", str(counts["skipped"] + counts["xfailed"]))
    suite.set("time", f"{sum(result.seconds for result in report.final.values()):.3f}")
    suites = ET.Element("testsuites")
    suites.append(suite)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document


def _case(suite: ET.Element, result: Result, flaky: Result | None) -> None:
    case = _element(suite, result.id, result.seconds)
    if result.outcome in ("skipped", "xfailed"):
        ET.SubElement(case, "skipped", message=result.outcome)
    elif result.bad:
        kind = "failure" if result.outcome == "failed" else "error"
        ET.SubElement(case, kind, message=_clean(_last_line(result.text))).text = _clean(result.text)
    if flaky is not None:
        ET.SubElement(case, "flakyFailure", message=_clean(_last_line(flaky.text))).text = _clean(flaky.text)


def _element(suite: ET.Element, test: str, seconds: float) -> ET.Element:
    file = file_of(test)
    # Parameters may hold anything, "::" too.
    names, bracket, parameters = test.removeprefix(file).removeprefix("::").partition("[")
    *classes, name = names.split("::") if names else [file]
    name += bracket + parameters
    classname = ".".join([file.removesuffix(".py").replace("/", "."), *classes])
    return ET.SubElement(
        suite, "testcase", classname=_clean(classname), name=_clean(name), file=_clean(file), time=f"{seconds:.6f}"
    )


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _clean(text: str) -> str:
    return _ILLEGAL.sub("�", text)
