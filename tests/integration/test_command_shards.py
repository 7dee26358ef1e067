"""Shards of suites that a command runs: real Node, and small programs that end in every way a runner can."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pipeline_gen.config import ShardLimits
from pipeline_gen.config.values import command
from pipeline_gen.errors import InfraError, UsageError
from pipeline_gen.suites.durations import SESSION, Durations, durations_key
from shipping.testrun.history import flaky_history
from tests.builds import Build

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NODE = "node --test --test-reporter=junit --test-reporter-destination={junit} {file}"
IMPORTS = "const {test} = require('node:test'); const assert = require('node:assert');\n"
GREEN = IMPORTS + "test('adds', () => assert.equal(1 + 1, 2));\ntest('holds', () => {});\n"
RED = IMPORTS + "test('adds', () => {});\ntest('fails', () => assert.equal(1, 2, '<b>off</b>'));\n"

# A runner in a few lines: each test file is a Python program whose functions say what the report is to hold.
RUNNER = """
import pathlib, runpy, sys
report, *files = sys.argv[1:]
cases = [case for file in files for case in runpy.run_path(file, {"file": file}).get("cases", ())]
pathlib.Path(report).write_text(f"<testsuites>{''.join(cases)}</testsuites>")
sys.exit(any("<failure" in case for case in cases))
"""
EACH = f"{sys.executable} run.py {{junit}} {{file}}"
ALL = f"{sys.executable} run.py {{junit}} {{files}}"
PASSES = """cases = [f'<testcase name="a" file="{file}" time="0.25"/>']\n"""
FAILS = """cases = [f'<testcase name="a" file="{file}"><failure message="no"/></testcase>']\n"""


def build_of(folder: Path, files: Mapping[str, str], line: str, /, **given: object) -> Build:
    suite = {"runner": "command", "command": command(line), "files": ("web/**",), "name": "js"}
    return Build.of(folder, {"run.py": RUNNER, **files}, **{**suite, **given})


def test_node_runs_a_file_at_a_time_and_the_proof_is_by_file(tmp_path: Path) -> None:
    """On main: two shards, both files reported once, the tests inside counted, durations kept by file."""
    files = {"web/a.test.js": GREEN, "web/deep/b.test.js": GREEN, "web/util.js": "no test\n"}
    build = build_of(tmp_path, files, NODE, files=("web/**/*.test.js",), shards=ShardLimits(min=2, max=2))

    assert build.run() == [0, 0, 0]

    assert build.ids_run() == ["web/a.test.js", "web/deep/b.test.js"]
    assert "js: proven: 4 tests in 2 shards" in build.log
    learnt = build.store.get(durations_key("inbox", "js"))
    assert learnt is not None
    assert set(Durations.parse(learnt.body).seconds) == {"web/a.test.js", "web/deep/b.test.js", SESSION}
    cases = ET.fromstring((build.told / "js-0.xml").read_bytes()).findall(".//testcase")  # noqa: S314 - ours
    assert {case.get("name") for case in cases} == {"adds", "holds"}


def test_a_failure_is_red_with_the_test_inside_named(tmp_path: Path) -> None:
    """It fails in both runs; the green file is not run again."""
    build = build_of(tmp_path, {"web/a.test.js": RED, "web/b.test.js": GREEN}, NODE, files=("*.test.js",))

    assert build.run() == [1, 1]

    report = build.report()
    assert [result.id for result in report.failed] == ["web/a.test.js"]
    assert [result.id for result in report.retried] == ["web/a.test.js"]
    assert dict(report.counts()) == {"passed": 3, "failed": 1}
    assert "✗ fails\n<b>off</b>" in report.failed[0].text
    shown = build.annotation("tests-js-0")
    assert "web/a.test.js" in shown
    assert "✗ fails" in shown
    assert "<b>" not in shown


def test_a_file_that_passes_in_its_second_run_is_flaky(tmp_path: Path) -> None:
    """In a fresh process; remembered by main, and in the JUnit as such."""
    once = (
        IMPORTS + "const fs = require('node:fs');\n"
        "test('comes round', () => { const first = !fs.existsSync('seen');"
        " fs.writeFileSync('seen', ''); assert.ok(!first); });\n"
    )
    build = build_of(tmp_path, {"web/a.test.js": once}, NODE)

    assert build.run() == [0, 0]

    assert [result.id for result in build.report().flaky] == ["web/a.test.js"]
    assert "web/a.test.js" in flaky_history(build.store, "inbox", "js")
    document = ET.fromstring((build.told / "js-0.xml").read_bytes())  # noqa: S314 - ours
    assert document.find(".//flakyFailure") is not None


ENDS = {
    "exit 1, nothing failed": (
        PASSES + "__import__('atexit').register(__import__('os')._exit, 1)\n",
        "error",
        "status 1",
    ),
    "segmentation fault": ("__import__('os').kill(__import__('os').getpid(), 11)\n", "crashed", "killed by SIGSEGV"),
    "killed": ("__import__('os').kill(__import__('os').getpid(), 9)\n", "crashed", "SIGKILL (for want of memory?)"),
    "a wrapper's 137": ("raise SystemExit(137)\n", "crashed", "which stands for SIGKILL"),
    "no report": ("raise SystemExit(0)\n", "error", "status 0, and it wrote no JUnit"),
    "no report, red": ("print('no such module'); raise SystemExit(2)\n", "error", "no such module"),
    "an empty report": ("cases = []\n", "error", "holds no test"),
    "half a report": ("cases = ['<testcase']\n", "error", "its JUnit is not XML"),
    "failures, exit 0": (FAILS + "__import__('atexit').register(__import__('os')._exit, 0)\n", "failed", "✗ a"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_file_whose_command_and_report_do_not_agree_on_green_is_red(tmp_path: Path, end: str) -> None:
    """Whatever it was is named; the other file of the part still runs."""
    program, outcome, said = ENDS[end]
    build = build_of(tmp_path, {"web/a.py": program, "web/b.py": PASSES}, EACH)

    assert build.run() == [1, 1]

    results = {result.id: result for result in build.report().final.values()}
    assert (results["web/a.py"].outcome, results["web/b.py"].outcome) == (outcome, "passed")
    assert said in results["web/a.py"].text
    assert "web/a.py" in build.annotation("tests-complete")


def test_a_file_whose_report_says_that_it_holds_no_test_is_green_but_a_suite_of_such_is_not(tmp_path: Path) -> None:
    """RSpec writes tests="0" and exits 0 for a file without examples."""
    runner = RUNNER.replace("<testsuites>", "<testsuites tests='{len(cases)}'>")
    build = build_of(tmp_path / "one", {"run.py": runner, "web/a.py": "cases = []\n", "web/b.py": PASSES}, EACH)
    none = build_of(tmp_path / "other", {"run.py": runner, "web/a.py": "cases = []\n"}, EACH)

    assert build.run() == [0, 0]
    assert none.run() == [0, 1]

    assert "no test ran at all: web/a.py" in none.log


def test_a_command_that_prints_nothing_for_too_long_is_killed_with_all_it_started(tmp_path: Path) -> None:
    """The file is named, those after it are listed as not run."""
    hangs = "import os, subprocess, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    build = build_of(tmp_path, {"web/a.py": PASSES, "web/b.py": hangs, "web/c.py": PASSES}, EACH, hang=3.0)

    assert build.run() == [1, 1]

    report = build.report()
    assert report.incident is not None
    assert report.incident.message == "nothing was printed for 3 s in web/b.py"
    assert dict(report.counts()) == {"passed": 1, "hung": 1}
    assert report.not_run == ("web/c.py",)
    with pytest.raises(ProcessLookupError):
        os.kill(int((build.repository.root / "pid").read_text()), 0)


def test_a_command_may_take_all_files_of_the_part_at_once(tmp_path: Path) -> None:
    """Its report names the files; what failed is run once more, alone. The command's own start is kept apart."""
    once = "import os\nfirst = not os.path.exists('seen')\nopen('seen', 'w').close()\n"
    once += PASSES.replace("cases", "green") + FAILS.replace("cases", "red") + "cases = red if first else green\n"
    build = build_of(tmp_path, {"web/a b.py": once, "web/c.py": PASSES}, ALL)

    assert build.run() == [0, 0]

    report = build.report()
    assert [result.id for result in report.flaky] == ["web/a b.py"]
    assert [result.outcome for result in report.results] == ["failed", "passed"]
    assert report.session_seconds + sum(result.seconds for result in report.results) <= report.phases.pytest + 0.001


ALL_ENDS = {
    "no report": ("raise SystemExit(3)\n", "status 3, and it wrote no JUnit"),
    "killed": ("__import__('os').kill(__import__('os').getpid(), 9)\n", "killed by SIGKILL"),
    "files without names": (
        'cases = [\'<testcase name="a" classname="Things"/>\']\n',
        "names 'Things', which is no file",
    ),
    "another's file": ('cases = [\'<testcase name="a" file="web/z.py"/>\']\n', "names 'web/z.py'"),
    "a judge of the whole": (
        PASSES + "__import__('atexit').register(__import__('os')._exit, 1)\n",
        "something in it judges the whole run",
    ),
}


@pytest.mark.parametrize("end", ALL_ENDS)
def test_a_part_run_at_once_is_red_as_a_whole_where_its_files_cannot_be_told_apart(tmp_path: Path, end: str) -> None:
    program, said = ALL_ENDS[end]
    build = build_of(tmp_path, {"web/a.py": program, "web/b.py": PASSES}, ALL)

    assert build.run() == [1, 1]

    report = build.report()
    assert report.incident is not None
    assert said in report.incident.message
    assert report.retried == ()


def test_a_file_that_the_report_of_a_part_does_not_name_is_red(tmp_path: Path) -> None:
    """Green by its exit status, but nothing shows that the file was run."""
    build = build_of(tmp_path, {"web/a.py": "cases = []\n", "web/b.py": PASSES}, ALL)

    assert build.run() == [1, 1]

    assert [result.id for result in build.report().failed] == ["web/a.py"]
    assert "its JUnit does not name this file" in build.report().failed[0].text


def test_a_program_that_is_not_there_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    build = build_of(tmp_path, {"web/a.py": PASSES}, "no-such-runner {junit} {file}")

    with pytest.raises(UsageError, match="cannot run 'no-such-runner' of suite 'js'"):
        build.shard()


def test_a_setup_that_fails_is_infrastructure(tmp_path: Path) -> None:
    build = build_of(tmp_path, {"web/a.py": PASSES}, EACH, setup=("false",))

    with pytest.raises(InfraError, match="could not set up suite 'js'"):
        build.shard()


def test_what_is_filled_in_is_never_read_by_a_shell(tmp_path: Path) -> None:
    """File names are data: quotes, dollars and semicolons reach the command as they are."""
    name = "web/a'$(touch hacked); {junit} b.py"
    build = build_of(tmp_path, {name: PASSES}, EACH)

    assert build.run()[0] == 0

    assert build.report().results[0].id == name
    assert not (build.repository.root / "hacked").exists()
