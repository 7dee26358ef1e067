"""Shards run end to end by real pytest processes; what comes out is held against what was planned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pipeline_gen.config import ShardLimits
from pipeline_gen.errors import InfraError, UsageError
from pipeline_gen.suites.composing import failed_key
from pipeline_gen.suites.durations import Durations, durations_key
from pipeline_gen.suites.parts import Part, TestPlan
from shipping.testrun.history import flaky_history
from tests.builds import Build

if TYPE_CHECKING:
    from pathlib import Path

GREEN = "def test_a(): pass\n\ndef test_b(): pass\n"
TWO = ShardLimits(min=2, max=2)


def junit(build: Build) -> ET.Element:
    return ET.fromstring(build.told.joinpath("unit-0.xml").read_bytes())  # noqa: S314 - ours


def test_two_shards_run_every_test_once_and_the_proof_is_green(tmp_path: Path) -> None:
    """The whole way on main: parts, reports, proof, verdict, durations for the next build."""
    build = Build.of(tmp_path, {"tests/test_one.py": GREEN, "tests/test_two.py": GREEN}, shards=TWO)

    assert build.run() == [0, 0, 0]

    expected = [f"tests/test_{file}.py::test_{name}" for file in ("one", "two") for name in "ab"]
    assert expected == build.ids_run()
    verdict = build.store.get(f"inbox/releases/{build.plan.commit}/verdicts/tests/0.json")
    assert verdict is not None
    assert b'"verdict":"PASS"' in verdict.body
    learnt = build.store.get(durations_key("inbox", "unit"))
    assert learnt is not None
    known = Durations.parse(learnt.body).seconds
    assert {*expected, "tests/test_one.py", "tests/test_two.py", "."} == set(known)


def test_a_failure_is_red_named_and_shown_with_its_last_words(tmp_path: Path) -> None:
    build = Build.of(tmp_path, {"tests/test_one.py": "def test_a(): pass\n\ndef test_b():\n    assert 1 == 2, '<b>'\n"})

    assert build.run() == [1, 1]

    assert [result.id for result in build.report().failed] == ["tests/test_one.py::test_b"]
    assert [result.outcome for result in build.report().retried] == ["failed"]
    shown = build.annotation("tests-unit-0")
    assert "test&#95;b" in shown
    assert "assert 1 == 2" in shown
    assert "<b>" not in shown
    assert "test&#95;b" in build.annotation("tests-complete")
    case = junit(build).find(".//testcase[@name='test_b']/failure")
    assert case is not None
    assert case.text is not None
    assert "assert 1 == 2" in case.text


def test_a_test_that_passes_in_its_second_run_is_flaky_not_red(tmp_path: Path) -> None:
    """It is run in a fresh process, shown, and remembered by main."""
    flaky = (
        "import os, pathlib\n"
        "def test_a():\n"
        "    seen = pathlib.Path('seen')\n"
        "    first = not seen.exists()\n"
        "    seen.write_text(str(os.getpid()))\n"
        "    assert not first\n"
    )
    build = Build.of(tmp_path, {"tests/test_one.py": flaky + GREEN.replace("test_a", "test_c")})

    assert build.run() == [0, 0]

    report = build.report()
    assert [result.id for result in report.flaky] == ["tests/test_one.py::test_a"]
    assert [result.id for result in report.retried] == ["tests/test_one.py::test_a"]
    assert "passed in its second run" in build.annotation("tests-unit-0")
    remembered = flaky_history(build.store, "inbox", "unit")
    assert remembered["tests/test_one.py::test_a"].startswith("flaky on main 1 time, last on ")
    assert junit(build).find(".//flakyFailure") is not None


DEATHS = {
    "segmentation fault": ("import os; os.kill(os.getpid(), 11)", "was killed by SIGSEGV"),
    "killed by memory": ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
    "silent exit": ("import os; os._exit(0)", "exited with status 0"),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_death_of_the_test_process_names_the_test_that_ran(tmp_path: Path, death: str) -> None:
    """Red by the shard and by the proof; what came before is reported, what did not run is listed."""
    code, how = DEATHS[death]
    suite = f"def test_a(): pass\n\ndef test_dies():\n    {code}\n\ndef test_z(): pass\n"
    build = Build.of(tmp_path, {"tests/test_one.py": suite})

    assert build.run() == [1, 1]

    report = build.report()
    assert report.incident is not None
    assert how in report.incident.message
    assert report.incident.tests == ("tests/test_one.py::test_dies",)
    assert dict(report.counts()) == {"passed": 1, "crashed": 1}
    assert report.not_run == ("tests/test_one.py::test_z",)
    assert report.retried == ()
    assert "test&#95;dies" in build.annotation("tests-complete")


def test_a_hang_names_the_test_and_shows_the_line_it_hangs_in(tmp_path: Path) -> None:
    """The limit is long enough for pytest to start on a machine that is busy."""
    suite = "import time\n\ndef test_a(): pass\n\ndef test_b():\n    time.sleep(600)\n\ndef test_z(): pass\n"
    build = Build.of(tmp_path, {"tests/test_one.py": suite}, hang=4.0)

    assert build.run() == [1, 1]

    report = build.report()
    assert report.incident is not None
    assert report.incident.message == "nothing moved for 4 s in tests/test_one.py::test_b"
    assert 'test_one.py", line 6 in test_b' in report.incident.text
    assert dict(report.counts()) == {"passed": 1, "hung": 1}
    assert report.not_run == ("tests/test_one.py::test_z",)
    assert "test&#95;b" in build.annotation("tests-complete")


def test_a_worker_of_xdist_killed_by_memory_is_red_with_the_test_named(tmp_path: Path) -> None:
    """xdist goes on with another worker; the test that died is no matter of luck and gets no second run."""
    files = {
        "pytest.ini": "[pytest]\naddopts = -p xdist -n 2\n",
        "tests/test_one.py": "import os\ndef test_dies(): os.kill(os.getpid(), 9)\n" + GREEN,
    }
    build = Build.of(tmp_path, files)

    assert build.run() == [1, 1]

    report = build.report()
    assert dict(report.counts()) == {"crashed": 1, "passed": 2}
    assert [result.id for result in report.failed] == ["tests/test_one.py::test_dies"]
    assert report.retried == ()


def test_a_conftest_that_raises_is_red_and_named(tmp_path: Path) -> None:
    files = {"tests/conftest.py": "raise RuntimeError('no database')\n", "tests/test_one.py": GREEN}
    build = Build.of(tmp_path, files)

    assert build.run() == [1, 1]

    incident = build.report().incident
    assert incident is not None
    assert "tests/conftest.py" in incident.message
    assert "no database" in incident.text


def test_a_file_that_cannot_be_imported_is_red_and_named_while_the_others_run(tmp_path: Path) -> None:
    build = Build.of(tmp_path, {"tests/test_one.py": GREEN, "tests/test_two.py": "import nowhere\n"})

    assert build.run() == [1, 1]

    report = build.report()
    assert report.incident is not None
    assert report.incident.message == "could not collect 'tests/test_two.py'"
    assert "No module named 'nowhere'" in report.incident.text
    assert dict(report.counts()) == {"passed": 2}


def test_a_module_that_skips_itself_is_covered_and_green(tmp_path: Path) -> None:
    """pytest's status 5 (nothing ran) is judged by what was collected."""
    skipped = "import pytest\npytest.skip('not here', allow_module_level=True)\n"
    build = Build.of(tmp_path, {"tests/test_one.py": skipped, "tests/test_two.py": GREEN}, shards=TWO)

    assert build.run() == [0, 0, 0]
    assert build.ids_run() == ["tests/test_two.py::test_a", "tests/test_two.py::test_b"]


def test_a_suite_in_which_nothing_ran_is_red(tmp_path: Path) -> None:
    build = Build.of(tmp_path, {"pytest.ini": "[pytest]\naddopts = -k nothing\n", "tests/test_one.py": GREEN})

    assert build.run() == [0, 1]
    assert "no test ran at all" in build.log


def split_plan(suite: str = "unit") -> TestPlan:
    """Return a plan that deals test_a and test_gone of a file to one part, its remainder and another file to the other."""
    dealt = ("tests/test_one.py::test_a", "tests/test_one.py::test_gone")
    parts = (
        Part(dealt={"tests/test_one.py": dealt}),
        Part(files=("tests/test_two.py",), remainder={"tests/test_one.py": dealt}),
    )
    return TestPlan(suite=suite, target=60.0, parts=parts)


def test_ids_that_appear_and_vanish_in_a_split_file_are_run_once_or_listed(tmp_path: Path) -> None:
    """The remainder runs what nobody knew when the plan was made; what is gone is no error."""
    files = {"tests/test_one.py": GREEN + "\ndef test_new(): pass\n", "tests/test_two.py": GREEN}
    build = Build.of(tmp_path, files, test_plan=split_plan())

    assert build.run() == [0, 0, 0]

    assert build.ids_run() == [
        "tests/test_one.py::test_a",
        "tests/test_one.py::test_b",
        "tests/test_one.py::test_new",
        "tests/test_two.py::test_a",
        "tests/test_two.py::test_b",
    ]
    assert "vanished: tests/test_one.py::test_gone" in build.log


def test_a_test_that_one_shard_finds_and_another_does_not_is_red(tmp_path: Path) -> None:
    """test_a is dealt to shard 0, which does not find it; shard 1 sees it and leaves it: nobody ran it."""
    hidden = (
        "import os\nif os.environ['BUILDKITE_PARALLEL_JOB'] == '1':\n    def test_a(): pass\n\ndef test_b(): pass\n"
    )
    build = Build.of(tmp_path, {"tests/test_one.py": hidden, "tests/test_two.py": GREEN}, test_plan=split_plan())

    assert build.run() == [0, 0, 1]
    assert "no shard ran, though it is in its file: tests/test_one.py::test_a" in build.log


def test_two_tests_of_one_id_are_red(tmp_path: Path) -> None:
    conftest = (
        "import pytest\n"
        "class File(pytest.File):\n"
        "    def collect(self):\n"
        "        yield Item.from_parent(self, name='same')\n"
        "        yield Item.from_parent(self, name='same')\n"
        "class Item(pytest.Item):\n"
        "    def runtest(self): pass\n"
        "def pytest_collect_file(file_path, parent):\n"
        "    if file_path.suffix == '.check': return File.from_parent(parent, path=file_path)\n"
    )
    files = {"conftest.py": conftest, "tests/one.check": ""}
    build = Build.of(tmp_path, files, paths=("tests/one.check",))

    assert build.run() == [1, 1]
    assert "collected twice, under one id: tests/one.check::same" in build.log


def test_ids_do_not_depend_on_pytests_rootdir(tmp_path: Path) -> None:
    """A configuration in a sub-folder makes pytest's own ids start there; ours start at the repository."""
    files = {"back/pytest.ini": "[pytest]\n", "back/tests/test_one.py": GREEN}
    build = Build.of(tmp_path, files, paths=("back/tests",))

    assert build.run() == [0, 0]
    assert build.ids_run() == ["back/tests/test_one.py::test_a", "back/tests/test_one.py::test_b"]


def test_what_the_suites_conftest_ignores_is_not_run(tmp_path: Path) -> None:
    """pytest does not ask `collect_ignore` about files named in its arguments; we name all of them."""
    files = {
        "tests/conftest.py": "collect_ignore = ['test_old.py', 'old']\n",
        "tests/test_old.py": "raise SystemError\n",
        "tests/old/test_older.py": "raise SystemError\n",
        "tests/test_one.py": GREEN,
    }
    build = Build.of(tmp_path, files)

    assert build.run() == [0, 0]
    assert build.report().ignored == ("tests/old/test_older.py", "tests/test_old.py")


def test_a_suite_that_stops_at_the_first_failure_still_runs_its_whole_part(tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\naddopts = -x\n", "tests/test_one.py": "def test_0(): assert 0\n" + GREEN}
    build = Build.of(tmp_path, files)

    assert build.shard() == 1
    assert dict(build.report().counts()) == {"failed": 1, "passed": 2}


def test_xdists_loadgroup_is_refused_where_it_does_nothing(tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\naddopts = -p xdist -n 1 --dist loadgroup\n", "tests/test_one.py": GREEN}
    build = Build.of(tmp_path, files)

    with pytest.raises(UsageError, match="loadgroup does nothing with pytest"):
        build.shard()


def test_a_missing_interpreter_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    build = Build.of(tmp_path, {"tests/test_one.py": GREEN}, python=".venv/bin/python")

    with pytest.raises(UsageError, match=r"cannot find the interpreter '\.venv/bin/python' of suite 'unit'"):
        build.shard()


def test_an_interpreter_without_pytest_says_so(tmp_path: Path) -> None:
    build = Build.of(tmp_path, {"tests/test_one.py": GREEN, "python": f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n'})
    build.repository.root.joinpath("python").chmod(0o755)
    build.suite = type(build.suite)(name="unit", python="./python")

    with pytest.raises(UsageError, match="cannot find pytest in the interpreter"):
        build.shard()


def test_a_setup_that_fails_is_infrastructure_and_shows_its_last_lines(tmp_path: Path) -> None:
    build = Build.of(tmp_path, {"tests/test_one.py": GREEN}, setup=("sh", "-c", "echo no route to host; exit 7"))

    with pytest.raises(InfraError, match=r"exited with status 7; its last lines:\nno route to host"):
        build.shard()
    assert build.reports() == []


def test_what_setup_starts_lives_until_the_tests_are_done(tmp_path: Path) -> None:
    """A set-up step may start the database the tests need; it dies with the job."""
    start = (
        "import pathlib, subprocess\n"
        "started = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "pathlib.Path('pid').write_text(str(started.pid))\n"
    )
    suite = "import os, pathlib\ndef test_a(): os.kill(int(pathlib.Path('pid').read_text()), 0)\n"
    build = Build.of(tmp_path, {"tests/test_one.py": suite}, setup=(sys.executable, "-c", start))

    assert build.shard() == 0
    pid = (build.repository.root / "pid").read_text()
    assert not (tmp_path.__class__("/proc") / pid).exists()


def test_a_checkout_of_another_commit_is_not_tested(tmp_path: Path) -> None:
    build = Build.of(tmp_path, {"tests/test_one.py": GREEN})
    context = build.context("job", {"suite": "unit"}, {})
    build.repository.commit("another", {"README": ""})

    from shipping.jobs import test_shard

    with pytest.raises(InfraError, match="the checkout is at"):
        test_shard.run(context)


def test_a_missing_report_is_red_and_names_the_shard(tmp_path: Path) -> None:
    build = Build.of(tmp_path, {"tests/test_one.py": GREEN, "tests/test_two.py": GREEN}, shards=TWO)

    assert [build.shard(1), build.complete()] == [0, 1]
    assert "shard 0 has no report: tests/test_one.py" in build.log


def test_a_retried_shard_counts_by_its_last_attempt(tmp_path: Path) -> None:
    """The first attempt failed for a reason outside; a person, or Buildkite, tried the job again."""
    build = Build.of(tmp_path, {"tests/test_one.py": "import os\ndef test_a(): assert os.environ['WORLD'] == 'well'\n"})
    build.env["WORLD"] = "broken"
    assert [build.shard(), build.complete()] == [1, 1]
    build.env["WORLD"] = "well"

    assert [build.shard(attempt=1), build.complete(attempt=1)] == [0, 0]
    assert "1 passed" in build.annotation("tests-unit-0")


def test_a_red_branch_in_shadow_says_what_selection_would_have_missed_and_what_must_run_again(tmp_path: Path) -> None:
    """The evidence to switch selection on by, and the files that the branch's next build runs whatever changes."""
    files = {"tests/test_one.py": GREEN, "tests/test_two.py": "def test_a(): assert 0\n"}
    build = Build.of(tmp_path, files, main=False, select="shadow")
    build.test_plan = TestPlan(
        suite="unit",
        target=60.0,
        parts=(Part(files=("tests/test_one.py", "tests/test_two.py")),),
        shadow_left_out=("tests/test_two.py",),
    )

    assert build.run() == [1, 1]

    assert "would have been GREEN): tests/test_two.py::test_a" in build.log
    assert "would have been GREEN" in build.annotation("selection-shadow")
    failed = build.store.get(failed_key("inbox", "unit", "topic"))
    assert failed is not None
    assert failed.body == b'["tests/test_two.py"]'
    assert list(build.store.list("inbox/suites/unit/shadow/")) == ["inbox/suites/unit/shadow/b1.json"]
