from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline_gen.config import Suite
from pipeline_gen.errors import UsageError
from pipeline_gen.suites.discovery import find_test_files

if TYPE_CHECKING:
    from pathlib import Path


def found(root: Path, files: dict[str, str], *paths: str) -> tuple[str, ...]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return find_test_files(root, Suite(name="unit", paths=paths or ("tests",)), sorted(files))


TREE = {
    "tests/test_a.py": "def test(): pass\n",
    "tests/sub/b_test.py": "def test(): pass\n",
    "tests/check_c.py": "def test(): pass\n",
    "tests/helper.py": "",
    "tests/conftest.py": "",
    "tests/build/test_d.py": "def test(): pass\n",
    "tests/.hidden/test_e.py": "def test(): pass\n",
    "tests/test_data.txt": "no prompt here\n",
    "tests/test_doc.txt": ">>> 1\n1\n",
    "src/test_f.py": "def test(): pass\n",
}
CASES = {
    "no configuration": {},
    "pytest.ini": {"pytest.ini": "[pytest]\npython_files = check_*.py\n"},
    "empty pytest.ini wins": {"pytest.ini": "", "tox.ini": "[pytest]\npython_files = check_*.py\n"},
    "several patterns": {"tox.ini": "[pytest]\npython_files =\n    check_*.py\n    *_test.py\n"},
    "tox.ini without a section": {"tox.ini": "[tox]\n", "setup.cfg": "[tool:pytest]\npython_files = check_*.py\n"},
    "pyproject": {"pyproject.toml": '[tool.pytest.ini_options]\npython_files = ["check_*.py", "test_*.py"]\n'},
    "pyproject of something else": {"pyproject.toml": "[tool.ruff]\n", "setup.cfg": "[tool:pytest]\n"},
    "native pyproject": {"pyproject.toml": '[tool.pytest]\npython_files = ["check_*.py"]\n'},
    "pytest.toml": {"pytest.toml": '[pytest]\npython_files = ["check_*.py"]\n'},
    "in the folder of the tests": {
        "tests/pytest.ini": "[pytest]\npython_files = check_*.py\n",
        "tox.ini": "[pytest]\n",
    },
    "pattern with a folder": {"pytest.ini": "[pytest]\npython_files = sub/*.py\n"},
    "norecursedirs": {"pytest.ini": "[pytest]\nnorecursedirs = sub\n"},
    "ignored": {"pytest.ini": "[pytest]\naddopts = --ignore=tests/sub --ignore-glob='*_a.py'\n"},
    "doctest files": {"pytest.ini": "[pytest]\naddopts = --doctest-glob=*.rst\n", "tests/x.rst": ">>> 1\n1\n"},
}


@pytest.mark.parametrize("case", CASES)
def test_it_finds_the_files_in_which_pytest_finds_tests(tmp_path: Path, case: str) -> None:
    """Real pytest, which imports everything, is the judge."""
    mine = found(tmp_path, {**TREE, **CASES[case]})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    prefix = "tests/" if "tests/pytest.ini" in CASES[case] else ""
    theirs = {prefix + line.split("::")[0] for line in done.stdout.splitlines() if "::" in line}

    assert set(mine) == theirs, done.stdout


def test_a_file_named_in_paths_is_a_test_file_whatever_its_name(tmp_path: Path) -> None:
    assert found(tmp_path, TREE, "tests/helper.py", "src") == ("src/test_f.py", "tests/helper.py")


def test_the_whole_repository_may_be_the_path(tmp_path: Path) -> None:
    assert "src/test_f.py" in found(tmp_path, TREE, ".")


def test_files_that_are_not_in_the_commit_are_not_found(tmp_path: Path) -> None:
    found(tmp_path, TREE)
    (tmp_path / "tests/test_new.py").write_text("def test(): pass\n")

    assert "tests/test_new.py" not in found(tmp_path, TREE)


def test_doctests_of_modules_make_every_module_a_test_file(tmp_path: Path) -> None:
    ini = {"pytest.ini": "[pytest]\naddopts = --doctest-modules\n"}

    assert "tests/helper.py" in found(tmp_path, {**TREE, **ini})


def test_a_path_that_is_not_in_the_commit_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the path 'spec' is not in the commit"):
        found(tmp_path, TREE, "tests", "spec")


def test_a_suite_without_tests_names_suite_paths_and_patterns(tmp_path: Path) -> None:
    ini = {"pytest.ini": "[pytest]\npython_files = spec_*.py\n"}

    with pytest.raises(UsageError) as raised:
        found(tmp_path, {"src/a.py": "", **ini}, "src")

    assert raised.value.message == (
        "cannot find tests of suite 'unit': no file under src matches 'spec_*.py' (python_files of 'pytest.ini')"
    )


def test_a_configuration_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read pytest's configuration in 'pyproject\.toml'"):
        found(tmp_path, {**TREE, "pyproject.toml": "[tool.pytest\n"})


def test_a_commands_files_are_what_its_patterns_match_of_the_commit(tmp_path: Path) -> None:
    """Whatever their extension, sorted, each once."""
    suite = Suite(name="js", runner="command", files=("web/**/*.test.js", "*.test.js"))
    tracked = ["web/b.test.js", "web/util.js", "web/deep/a.test.js", "other/c.test.js"]

    assert find_test_files(tmp_path, suite, tracked) == ("other/c.test.js", "web/b.test.js", "web/deep/a.test.js")


@pytest.mark.parametrize(
    ("files", "tracked", "said"),
    [
        (("web/**", "wbe/**"), ["web/a.js"], "no file of the commit matches 'wbe/\\*\\*'"),
        (("*.js",), ["--eval=1.js"], "cannot run '--eval=1.js' of suite 'js'"),
    ],
)
def test_a_pattern_without_files_and_a_file_like_an_option_are_refused(
    tmp_path: Path, files: tuple[str, ...], tracked: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        find_test_files(tmp_path, Suite(name="js", runner="command", files=files), tracked)
