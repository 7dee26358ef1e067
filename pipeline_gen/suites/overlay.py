"""The repository at the map's commit and at the build's, laid over each other: which test files reach a path."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline_gen.suites.imports import ImportGraph, Imports, folders_above, read_imports
from pipeline_gen.suites.kinds import is_named_as_test
from pipeline_gen.suites.source import UnreadableSourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pipeline_gen.config import Suite
    from pipeline_gen.git import FileChange
    from pipeline_gen.suites.coverage_map import CoverageMap

    Read = Callable[[str], bytes | None]


class Overlay:
    """Imports and coverage of one suite's ``tests``, with the changed files read again.

    An import that is in either of the two commits counts, so no rule needs a case of its own for what moved, and one more
    change never takes anything away.
    """

    def __init__(
        self,
        suite: Suite,
        tests: frozenset[str],
        changes: Sequence[FileChange],
        coverage: CoverageMap,
        read_old: Read,
        read_new: Read,
    ) -> None:
        self.suite = suite
        self.tests = tests
        self.coverage = coverage
        self.recorded = frozenset(coverage.tests)
        self.read_old = read_old
        self.read_new = read_new
        self.by_folder = _by_folder(tests)
        imports: dict[str, Imports] = dict(coverage.imports)
        for change in changes:
            if change.path.endswith(".py"):
                imports[change.path] = _joined(coverage.imports.get(change.path), _now(change.path, read_new))
        self.imports = imports
        self.graph = ImportGraph(imports, files=imports.keys(), tests=tests | self.recorded)
        self._before: ImportGraph | None = None
        self._dynamic: frozenset[str] | None = None

    def importing(self, path: str) -> frozenset[str]:
        """Return the test files that import ``path`` through any chain, or had it loaded when they were recorded."""
        return (self.graph.importers([path]) | self.coverage.loaded_by(path)) & self.tests

    def importing_directly(self, path: str) -> frozenset[str]:
        """Return the test files with an import statement for ``path``, in themselves or in a conftest above them."""
        found: set[str] = set()
        for importer in self.graph.direct(path):
            if importer.endswith("conftest.py"):
                found |= self.under(importer)
            found.add(importer)
        return frozenset(found) & self.tests

    def under(self, conftest: str) -> frozenset[str]:
        """Return the test files in the folder of a conftest, or below it."""
        return self.by_folder.get(conftest.removesuffix("conftest.py"), frozenset())

    def finding_modules(self) -> frozenset[str]:
        """Return the test files that list source folders, or reach code which imports what it finds.

        One file more or less may change them, although nothing names it.
        """
        if self._dynamic is None:
            sources = [path for path, imports in self.imports.items() if imports.dynamic]
            loaded = (test for path in sources for test in self.coverage.loaded_by(path))
            found = self.graph.importers(sources).union(sources, loaded, self.coverage.finders)
            self._dynamic = found & self.tests
        return self._dynamic

    def was_known(self, path: str) -> bool:
        """Tell whether, at the map's commit, some test file was known to import the file or to have loaded it."""
        if self._before is None:
            imports = self.coverage.imports
            self._before = ImportGraph(imports, files=imports.keys(), tests=self.recorded)
        return bool(self.coverage.loaded_by(path)) or self._reaches_tests(self._before, path)

    def is_known(self, path: str) -> bool:
        """Tell whether some test file, of this suite or another, imports the file now."""
        return self._reaches_tests(self.graph, path)

    def _reaches_tests(self, graph: ImportGraph, path: str) -> bool:
        importers = graph.importers([path])
        return any(importer in self.tests or is_named_as_test(importer) for importer in importers)


def _now(path: str, read_new: Read) -> Imports | None:
    source = read_new(path)
    if source is None:
        return None
    try:
        return read_imports(path, source)
    except UnreadableSourceError:
        return Imports(dynamic=True)


def _joined(old: Imports | None, new: Imports | None) -> Imports:
    one, other = old or Imports(), new or Imports()
    return Imports(
        names=tuple(sorted({*one.names, *other.names})),
        mentions=tuple(sorted({*one.mentions, *other.mentions})),
        dynamic=one.dynamic or other.dynamic,
    )


def _by_folder(tests: Iterable[str]) -> Mapping[str, frozenset[str]]:
    folders: dict[str, set[str]] = defaultdict(set)
    for test in tests:
        for folder in folders_above(test):
            folders[folder].add(test)
    return {folder: frozenset(below) for folder, below in folders.items()}
