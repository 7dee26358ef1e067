"""The one file of ours that runs in the suite's interpreter, loaded by `-p`: deselects what others run, tells what happens.

Of standard library only (and the suite's own pytest, 8.2 or newer), on any Python that pytest runs on. The variable SHIP_SHARD
names a JSON file: the repository's root, the part, and the file that takes the events, one JSON object per line, each written
at once so that a process that dies has told what it was doing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from time import perf_counter, time

import pytest

TEXT_LIMIT = 8000
OLDEST_PYTEST = (8, 2)  # the first that reads its arguments from a file
LOADGROUP_ENDS = (9, 2)  # from here xdist's loadgroup silently groups nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from typing import Any


class Stream:
    """The event stream: appended to by this process and, under xdist, by its workers; a line is one write."""

    def __init__(self, path: str, worker: str | None) -> None:
        self._path = path
        self._descriptor = self._open()
        self._worker = worker
        self._owner = os.getpid()

    def tell(self, event: str, **facts: object) -> None:
        """Write one event. A fork of this process (a test that forks) has no part in it."""
        if os.getpid() != self._owner:
            return
        if self._worker is not None:
            facts["worker"] = self._worker
        # Lone surrogates, which an exception's message may hold, have no place in a report.
        line = json.dumps({"event": event, **facts}, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            os.write(self._descriptor, line)
        except OSError:  # a test that turns itself into a daemon closes every descriptor
            self._descriptor = self._open()
            os.write(self._descriptor, line)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


class Part:
    """What this shard runs, and how tests are named: by path from the repository's root, whatever pytest's rootdir is."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.root: str = told["root"]
        self.begun: float = told["begun"]
        self.paths = {os.path.normpath(f"{self.root}/{path}") for path in told["paths"]}
        self.files = set(told["files"])
        self.dealt = {file: set(ids) for file, ids in told["dealt"].items()}
        self.remainder = {file: set(ids) for file, ids in told["remainder"].items()}
        self._relative: dict[str, str] = {}

    def relative(self, path: str) -> str:
        """Return a path from the repository's root, with slashes."""
        known = self._relative.get(path)  # asked for each of a file's tests, of which there may be thousands
        if known is None:
            known = os.path.relpath(path, self.root)
            if known.startswith(".."):
                known = os.path.relpath(os.path.realpath(path), os.path.realpath(self.root))
            known = self._relative[path] = known.replace(os.sep, "/")
        return known

    def wants(self, file: str, test: str) -> bool:
        """True where this shard runs the test."""
        if file in self.files or test in self.dealt.get(file, ()):
            return True
        return file in self.remainder and test not in self.remainder[file]


class Ignored(pytest.File):
    """A file that the suite's own conftest or options leave out when pytest walks the folders."""

    def collect(self) -> list[pytest.Item]:
        return []


class Shard:
    """The hooks, registered once pytest is configured; on xdist's controller, on its workers, or where there is no xdist."""

    def __init__(self, config: pytest.Config, part: Part, stream: Stream) -> None:
        self.config = config
        self.part = part
        self.stream = stream
        self.known: dict[str, str] = {}
        self.nested: list[float] = []
        self.session_seconds = self.file_seconds = 0.0
        self.ignored_folders: dict[str, bool] = {}
        self.status: int | None = None
        self.is_worker = hasattr(config, "workerinput")
        self.loadgroup = config.getoption("dist", None) == "loadgroup"
        self.collecting_since = self.start_seconds = 0.0
        self.imported: dict[str, float] = {}
        self.counted: dict[str, int] = {}

    # What is collected.

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> Generator[None, Any, Any]:
        found = yield
        if found and self._is_ignored(file_path, parent.session):
            self.stream.tell("ignored", file=self.part.relative(str(file_path)))
            return [Ignored.from_parent(parent, path=file_path)]
        return found

    def _is_ignored(self, file: Path, session: pytest.Session) -> bool:
        """Ask the suite's own rules, which pytest does not ask about files named in its arguments."""
        if str(file) in self.part.paths:
            return False
        return self._ask_ignored(file, session) or any(
            self._folder_is_ignored(folder, session) for folder in file.parents if self._is_below_path(folder)
        )

    def _is_below_path(self, folder: Path) -> bool:
        return any(str(parent) in self.part.paths for parent in folder.parents) and str(folder) not in self.part.paths

    def _folder_is_ignored(self, folder: Path, session: pytest.Session) -> bool:
        known = self.ignored_folders.get(str(folder))
        if known is None:
            known = self.ignored_folders[str(folder)] = self._ask_ignored(folder, session)
        return known

    def _ask_ignored(self, path: Path, session: pytest.Session) -> bool:
        hook = session.gethookproxy(path.parent)
        return bool(hook.pytest_ignore_collect(collection_path=path, config=self.config))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        is_file = isinstance(collector, pytest.File) and not isinstance(collector, (pytest.Package, Ignored))
        file = self.part.relative(str(collector.path))
        if is_file:
            self.stream.tell("collecting", file=file)
        begun = perf_counter()
        report = yield
        if is_file:
            self.imported[file] = self.imported.get(file, 0.0) + max(0.0, perf_counter() - begun)
            self.stream.tell("file", file=file, seconds=self.imported[file])
        if report.failed:
            self.stream.tell("broken", file=file, text=report.longreprtext[-TEXT_LIMIT:])
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept: list[pytest.Item] = []
        left: list[pytest.Item] = []
        seen: dict[str, list[str]] = {file: [] for file in (*self.part.dealt, *self.part.remainder)}
        for item in items:
            file, test = self._name(item)
            if file in seen:
                seen[file].append(test)
            (kept if self.part.wants(file, test) else left).append(item)
        self.stream.tell("seen", ids=seen)
        if left:
            items[:] = kept
            config.hook.pytest_deselected(items=left)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, Any, Any]:
        self.collecting_since = perf_counter()
        self.start_seconds = max(0.0, time() - self.part.begun)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        path = str(item.path)
        self.counted[path] = self.counted.get(path, 0) + 1

    def _tell_costs(self) -> None:
        """Tell what each file costs before its first test runs.

        That is more than its import: pytest handles every test it finds several times, also those that are left out then, and
        a file may have thousands of these. What is not import is charged by their number.
        """
        rest = perf_counter() - self.collecting_since - sum(self.imported.values())
        each = max(0.0, rest) / max(1, sum(self.counted.values()))
        counted = {self.part.relative(path): count for path, count in self.counted.items()}
        costs = {file: seconds + each * counted.get(file, 0) for file, seconds in self.imported.items()}
        self.stream.tell("costs", files=costs, start=self.start_seconds)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.is_worker or not self._distributes():
            self._tell_costs()
            self.known = {item.nodeid: self._name(item)[1] for item in session.items}
            self.stream.tell("collected", ids=[self._name(item)[1] for item in session.items])

    def _distributes(self) -> bool:
        return self.config.pluginmanager.has_plugin("dsession")

    def _name(self, item: pytest.Item) -> tuple[str, str]:
        """Return file and id of a test."""
        file = self.part.relative(str(item.path))
        rest = self._without_group(item.nodeid).partition("::")[2]
        return file, f"{file}::{rest}" if rest else file

    def _named(self, nodeid: str) -> str:
        """Return the id for pytest's; on xdist's controller, which has no items, from its rootdir."""
        known = self.known.get(nodeid)
        if known is None:
            file, separator, rest = self._without_group(nodeid).partition("::")
            known = self.known[nodeid] = self.part.relative(str(self.config.rootpath / file)) + separator + rest
        return known

    def _without_group(self, nodeid: str) -> str:
        """Return pytest's id without the group that xdist's loadgroup appends to it."""
        if not self.loadgroup:
            return nodeid
        at = nodeid.rfind("@")
        return nodeid[:at] if at > nodeid.rfind("]") else nodeid

    # What runs.

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Take the time of what tests share apart: it is paid once per part, or once per file in each part."""
        begun = perf_counter()
        self.nested.append(0.0)
        try:
            return (yield)
        finally:
            total = perf_counter() - begun
            own = max(0.0, total - self.nested.pop())
            if self.nested:
                self.nested[-1] += total
            if fixturedef.scope in ("session", "package"):
                self.session_seconds += own
            elif fixturedef.scope in ("module", "class"):
                self.file_seconds += own

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        report = yield
        report.ship_id = self._name(item)[1]
        if call.when == "setup":
            report.ship_shared = (self.session_seconds, self.file_seconds)
            self.session_seconds = self.file_seconds = 0.0
        return report

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if not self.is_worker:
            self.stream.tell("start", id=self._named(nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.is_worker:
            return
        self.known.setdefault(report.nodeid, getattr(report, "ship_id", None) or self._named(report.nodeid))
        facts: dict[str, object] = {"outcome": report.outcome, "seconds": max(0.0, report.duration)}
        if report.outcome == "failed":
            facts["text"] = report.longreprtext[-TEXT_LIMIT:]
        if hasattr(report, "wasxfail"):
            facts["xfail"] = True
        if any(getattr(report, "ship_shared", ())):
            facts["session_seconds"], facts["file_seconds"] = report.ship_shared
        self.stream.tell("report", id=self._named(report.nodeid), when=str(report.when), **facts)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if not self.is_worker:
            self.stream.tell("done", id=self._named(nodeid))

    # How it ends.

    def pytest_internalerror(self, excrepr: object) -> None:
        self.stream.tell("internal", text=str(excrepr)[-TEXT_LIMIT:])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.status = int(exitstatus)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        if not self.is_worker and self.status is not None:
            self.stream.tell("end", status=self.status)


def _versions(config: pytest.Config) -> dict[str, object]:
    """Return what the suite brings: its Python, pytest, xdist and coverage, None for what it has not."""
    found: dict[str, object] = {"python": ".".join(map(str, sys.version_info[:3])), "pytest": pytest.__version__}
    for name in ("xdist", "coverage"):
        version = None
        with contextlib.suppress(Exception):
            from importlib.metadata import version as installed

            version = installed("pytest-xdist" if name == "xdist" else name)
        found[name] = version
    workers = config.getoption("tx", None) or []
    found["workers"] = len(workers)
    return found


def _refuse(stream: Stream, reason: str) -> None:
    stream.tell("refused", reason=reason)
    raise pytest.UsageError(reason)


def _told() -> dict[str, Any]:
    with open(os.environ["SHIP_SHARD"], encoding="utf-8") as file:  # noqa: PTH123 - a Path costs an import for nothing
        told: dict[str, Any] = json.load(file)
    return told


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Tell that conftest files are being imported: a crash or a hang in them has no other name."""
    stream = Stream(_told()["events"], os.environ.get("PYTEST_XDIST_WORKER"))
    stream.tell("conftests", pytest=pytest.__version__)
    if pytest.version_tuple[:2] < OLDEST_PYTEST:
        _refuse(stream, f"pytest {pytest.__version__} is too old: 8.2 or newer is needed")
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the hooks. Options are final here."""
    told = _told()
    worker = getattr(config, "workerinput", {}).get("workerid")
    stream = Stream(told["events"], worker)
    loadgroup = config.getoption("dist", None) == "loadgroup" and worker is None
    if loadgroup and config.getoption("tx", None) and pytest.version_tuple[:2] >= LOADGROUP_ENDS:
        _refuse(
            stream,
            f"--dist loadgroup does nothing with pytest {pytest.__version__}: tests of one group would run apart",
        )
    if worker is None:
        stream.tell("session", **_versions(config))
    config.pluginmanager.register(Shard(config, Part(told), stream), "ship-shard")
