"""What a recording sees of test files that do the difficult things, and what it says when it cannot see."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import Suite
from pipeline_gen.suites.discovery import find_test_files
from pipeline_gen.suites.parts import Part
from shipping.processes import ProcessTree
from shipping.testrun.recording import NoCoverageError, Recorder, Sources, recorded_files
from shipping.testrun.run import Runner
from tests.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline_gen.suites.coverage_map import TestRecord

CODE = {
    "app/__init__.py": "",
    "app/shared.py": """
from functools import cache

@cache
def settings():
    return {"limit": compute()}

def compute():
    return 3

def connect():
    return object()

def at_import():
    return 1

VALUE = at_import()

def in_a_thread(seen):
    seen.append(1)

def fails():
    raise ValueError("no")
""",
    "pytest.ini": "[pytest]\npythonpath = .\naddopts = -p xdist -n 2\n",
    "tests/conftest.py": """
import pytest
from app.shared import connect

@pytest.fixture(scope="session")
def connection():
    return connect()
""",
}

TESTS = {
    "cached_one": "from app.shared import settings\ndef test_it(): assert settings()['limit'] == 3\n",
    "cached_two": "from app.shared import settings\ndef test_it(): assert settings()\n",
    "fixture_one": "def test_it(connection): assert connection\n",
    "fixture_two": "def test_it(connection): assert connection\n",
    "thread": (
        "import threading\nfrom app.shared import in_a_thread\n"
        "def test_it():\n    seen = []\n    t = threading.Thread(target=in_a_thread, args=(seen,))\n"
        "    t.start()\n    t.join()\n    assert seen\n"
    ),
    "fork": "import os\ndef test_it():\n    pid = os.fork()\n    if pid == 0:\n        os._exit(0)\n    os.waitpid(pid, 0)\n",
    "spawn": (
        "import multiprocessing\ndef test_it():\n    context = multiprocessing.get_context('spawn')\n"
        "    process = context.Process(target=print)\n    process.start()\n    process.join()\n"
    ),
    "reads": "from pathlib import Path\ndef test_it(): assert Path('app/shared.py').read_text()\n",
    "reads_itself": "from pathlib import Path\ndef test_it(): assert Path(__file__).read_text()\n",
    "inspects": "import inspect\nfrom app import shared\ndef test_it(): assert inspect.getsource(shared.compute)\n",
    "traceback": (
        "import traceback\nfrom app.shared import fails\ndef test_it():\n    try:\n        fails()\n"
        "    except ValueError:\n        assert 'no' in traceback.format_exc()\n"
    ),
    "lists": "from pathlib import Path\ndef test_it(): assert list(Path('app').glob('*.py'))\n",
    "fails": "def test_it(): assert False\n",
    "breaks": "import nothing_of_this_name\n",
    "dies": "import os\ndef test_it(): os._exit(0)\n",
    "untraced": "import sys\ndef test_it(): sys.settrace(None)\ndef test_more(): pass\n",
    "skipped": "import pytest\npytest.skip('not here', allow_module_level=True)\n",
    "inherits": "from tests.test_cached_one import test_it as test_other\n",
}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TestRecord]:
    repository = Repository.create(tmp_path_factory.mktemp("app"))
    repository.commit("all", {**CODE, **{f"tests/test_{name}.py": text for name, text in TESTS.items()}})
    folder = tmp_path_factory.mktemp("recording")
    suite = Suite(name="unit", python=sys.executable, hang=60.0)
    tracked = repository.asked.files()
    with ProcessTree(folder=folder) as tree:
        runner = _runner(repository.root, folder, suite, tree)
        files = find_test_files(repository.root, suite, tracked)
        made = Recorder(runner=runner, sources=Sources(repository.root, tracked), say=_ignore).record(files)
    return {record.file.removeprefix("tests/test_").removesuffix(".py"): record for record in made}


def _runner(root: Path, folder: Path, suite: Suite, tree: ProcessTree) -> Runner:
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return Runner(suite=suite, root=root, env=env, tree=tree, folder=folder, say=_ignore)


def _ignore(_line: str) -> None: ...


@pytest.mark.parametrize("name", ["cached_one", "cached_two"])
def test_what_a_cache_keeps_is_seen_with_every_file_that_needs_it(name: str, records: dict[str, TestRecord]) -> None:
    """In one process the second file would have found the cache filled; xdist, which the suite asks for, is off."""
    assert {"settings", "compute"} <= set(records[name].ran["app/shared.py"])
    assert records[name].problem == ""


@pytest.mark.parametrize("name", ["fixture_one", "fixture_two"])
def test_what_a_session_fixture_runs_is_seen_with_every_file_that_uses_it(
    name: str, records: dict[str, TestRecord]
) -> None:
    assert "connect" in records[name].ran["app/shared.py"]
    assert records[name].ran["tests/conftest.py"] == ("connection",)


def test_what_runs_at_import_is_seen_with_every_file_that_imports_it(records: dict[str, TestRecord]) -> None:
    green = [record for record in records.values() if record.ran]

    assert len(green) > 10
    assert all("at_import" in record.ran["app/shared.py"] for record in green)


def test_code_in_threads_is_seen(records: dict[str, TestRecord]) -> None:
    assert "in_a_thread" in records["thread"].ran["app/shared.py"]


def test_loaded_files_are_those_of_the_repository_empty_ones_too(records: dict[str, TestRecord]) -> None:
    expected = ("app/__init__.py", "app/shared.py", "tests/conftest.py", "tests/test_cached_one.py")

    assert expected == records["cached_one"].loaded


OPAQUE = {
    "fork": "it starts other processes (os.fork)",
    "spawn": "it starts other processes (multiprocessing.popen_spawn_posix)",
    "reads": "it reads app/shared.py as text",
    "inspects": "it reads app/shared.py as text",
    "reads_itself": "",
    "traceback": "",
    "lists": "",
    "cached_one": "",
}


@pytest.mark.parametrize("name", OPAQUE)
def test_what_coverage_cannot_see_is_said(name: str, records: dict[str, TestRecord]) -> None:
    assert OPAQUE[name] == records[name].opaque
    assert records[name].problem == ""


def test_who_looks_which_source_files_there_are_is_remembered(records: dict[str, TestRecord]) -> None:
    assert [name for name, record in records.items() if record.finds] == ["lists"]


PROBLEMS = {
    "fails": "when recorded, it failed (tests/test_fails.py::test_it)",
    "breaks": "when recorded, it failed (collection)",
    "dies": "when recorded, it exited with status 0",
    "untraced": "when recorded, it set a trace function of its own, which blinds coverage",
    "inherits": "when recorded, coverage saw none of its tests run",
    "skipped": "",
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_file_whose_record_cannot_be_trusted_has_a_problem(name: str, records: dict[str, TestRecord]) -> None:
    assert records[name].problem.startswith(PROBLEMS[name])
    assert bool(PROBLEMS[name]) == bool(records[name].problem)


def test_a_file_that_hangs_has_a_problem(tmp_path: Path) -> None:
    text = "import time\ndef test_it(): time.sleep(600)\n"

    (record,) = _recorded(tmp_path, text, Suite(name="unit", python=sys.executable, hang=3.0))

    assert record.problem == "when recorded, it hung"


def test_an_interpreter_without_coverage_is_told_apart(tmp_path: Path) -> None:
    """Without site-packages there is neither coverage nor pytest."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)

    with pytest.raises(NoCoverageError):
        _recorded(tmp_path, "def test_it(): pass\n", Suite(name="unit", python=str(bare)))


def _recorded(folder: Path, text: str, suite: Suite) -> list[TestRecord]:
    repository = Repository.create(folder / "app")
    repository.commit("all", {"tests/test_a.py": text})
    sources = Sources(repository.root, repository.asked.files())
    with ProcessTree(folder=folder) as tree:
        recorder = Recorder(runner=_runner(repository.root, folder, suite, tree), sources=sources, say=_ignore)
        return recorder.record(["tests/test_a.py"])


def test_every_file_is_recorded_by_one_job_and_a_split_one_where_its_remainder_is() -> None:
    parts = [
        Part(files=("a.py",), dealt={"big.py": ("big.py::x",)}),
        Part(files=("b.py",), remainder={"big.py": ("big.py::x",)}),
        Part(files=("c.py",)),
    ]

    shares = [recorded_files(parts, index=index, count=2) for index in range(2)]

    assert shares == [("a.py", "c.py"), ("b.py", "big.py")]
