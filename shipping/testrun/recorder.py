"""Runs in the suite's interpreter: pytest on one test file under coverage, then what it ran, loaded and escaped to, as JSON.

Of standard library and the suite's own coverage only, started as a program: `recorder.py OUTPUT ROOT ARGUMENT...`, where the
arguments are pytest's. One process per test file: what tests share in a process (imported modules, caches, session fixtures)
would otherwise be seen with the first file that happened to need it, and never with the others.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from importlib.util import find_spec
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType
    from typing import Any


NO_COVERAGE = 64  # exit status: the suite's interpreter has no coverage (sysexits' EX_USAGE, which pytest never uses)

STARTS = {
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "pty.spawn"),
}
# Modules that start processes by a call that has no audit event.
STARTERS = (
    "multiprocessing.popen_spawn_posix",
    "multiprocessing.popen_forkserver",
    "multiprocessing.popen_spawn_win32",
)
LOOKS = {"open", "os.listdir", "os.scandir"}
# Coverage itself, and `threading`, which sets in each thread what coverage asked for.
TRACERS = ("/coverage/collector.py", "/coverage/pytracer.py", "/threading.py")
# Whoever reads Python source for these does it to import, to report or to measure, not to test it.
READERS = ("<frozen importlib", "/_pytest/", "/pluggy/", "/coverage/", "/traceback.py", "/warnings.py")


class Watch:
    """An audit hook for what coverage cannot see: other processes, and source code that is read as data."""

    def __init__(self, root: str) -> None:
        self.prefix = root + os.sep
        self.started = ""
        self.retraced = False
        self.read: set[str] = set()
        self.listed: set[str] = set()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in STARTS:
            self.started = self.started or event
        elif event == "sys.settrace":
            caller = sys._getframe(1).f_code.co_filename.replace(os.sep, "/")  # noqa: SLF001 - the one way to ask who
            self.retraced = self.retraced or not caller.endswith(TRACERS)
        elif event in LOOKS:
            path = arguments[0] if arguments else None
            if isinstance(path, (str, bytes)):
                self._look(event, os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - links stay

    def _look(self, event: str, path: str) -> None:
        known = self.read if event == "open" else self.listed
        source = path.endswith(".py") if event == "open" else True
        if not source or path in known or not (path + os.sep).startswith(self.prefix):
            return
        if self._by_tests(sys._getframe(2)):  # noqa: SLF001 - the one way to ask who
            known.add(path)

    def _by_tests(self, frame: FrameType | None) -> bool:
        """Tell whether the repository's own code asked, through whichever library."""
        while frame is not None:
            name = frame.f_code.co_filename.replace(os.sep, "/")
            if any(reader in name for reader in READERS):
                return False
            if name.startswith(self.prefix) and "/site-packages/" not in name:
                return True
            frame = frame.f_back
        return False


def _make_guard() -> ModuleType:
    """Return a pytest plugin that switches off what the suite's own options may switch on, and what would blind us.

    xdist would run the tests in other processes, a second measurement by pytest-cov would pause ours. Options for that would
    be errors where the plugins are installed and not loaded.
    """
    import pytest

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
        if hasattr(early_config.known_args_namespace, "cov_source"):
            early_config.known_args_namespace.cov_source = None
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_cmdline_main(config: pytest.Config) -> Generator[None, object, object]:
        if hasattr(config.option, "numprocesses"):
            config.option.numprocesses, config.option.dist, config.option.tx = None, "no", []
        return (yield)

    guard = ModuleType("ship_recorder_guard", "PYTEST_DONT_REWRITE")  # else pytest warns that it is imported already
    guard.__dict__.update(
        pytest_load_initial_conftests=pytest_load_initial_conftests, pytest_cmdline_main=pytest_cmdline_main
    )
    return guard


def main(output: str, root: str, arguments: list[str]) -> int:
    """Run pytest, write the record, return pytest's exit status."""
    try:
        import coverage
    except ImportError:
        return NO_COVERAGE
    root = os.path.realpath(root)
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as `python -m pytest` does
    guard = _make_guard()
    sys.modules[guard.__name__] = guard
    sys.argv = ["pytest", "-p", guard.__name__, *arguments]
    # Not `source`: that also looks for files which did not run, through the whole tree.
    measured = coverage.Coverage(
        data_file=None,
        config_file=False,
        include=[f"{root}/*"],
        omit=["*/site-packages/*"],
        concurrency=_concurrency(),
        messages=False,
    )
    watch = Watch(root)
    sys.addaudithook(watch)
    measured.start()
    status = _run_pytest()
    measured.stop()
    data = measured.get_data()
    record = {
        "lines": {
            _relative(path, root): sorted(lines) for path in data.measured_files() if (lines := data.lines(path))
        },
        "modules": sorted(_loaded(root)),
        "started": watch.started or next((name for name in STARTERS if name in sys.modules), ""),
        "read": sorted(_relative(path, root) for path in watch.read),
        "listed": sorted(_relative(path, root) for path in watch.listed),
        "retraced": watch.retraced,
    }
    with open(output, "w", encoding="utf-8") as file:  # noqa: PTH123 - runs on whatever Python the suite has
        json.dump(record, file)
    return status


def _run_pytest() -> int:
    try:
        runpy.run_module("pytest", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _concurrency() -> list[str]:
    return ["thread", "greenlet"] if find_spec("greenlet") else ["thread"]


def _loaded(root: str) -> set[str]:
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = (os.path.realpath(path) for path in files if isinstance(path, str))
    return {_relative(path, root) for path in paths if path.startswith(root + os.sep)}


def _relative(path: str, root: str) -> str:
    return os.path.relpath(os.path.realpath(path), root).replace(os.sep, "/")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
