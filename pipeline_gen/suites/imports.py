"""What each file of the repository imports, read from its text, and who imports whom through any chain."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pipeline_gen.suites.source import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")

# Calls that import by a name that is computed, or by looking at what is there.
_IMPORTS_BY_NAME = {"import_module", "__import__", "import_string", "importorskip", "resolve_name"}
_IMPORTS_BY_LOOKING = {
    *("walk_packages", "iter_modules", "entry_points", "iter_entry_points", "run_module", "run_path"),
    *("spec_from_file_location", "SourceFileLoader", "load_module", "exec"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """What one file imports.

    ``names`` are import statements, wherever in the file: absolute dotted names, or, for relative ones, a path from the
    repository's root with a leading slash. A name may end in an attribute; a last ``*`` means whatever lies in that package.
    ``mentions`` are dotted names in strings, which frameworks, mocks and settings turn into imports. ``dynamic``: it also
    imports what no name in it says.
    """

    names: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    dynamic: bool = False


def read_imports(path: str, source: bytes) -> Imports:
    """Read a file's imports; those only type checkers see are left out. Raises UnreadableSourceError."""
    reader = _Reader(path)
    reader.visit(parse(source))
    names = set(reader.names)
    return Imports(
        names=tuple(sorted(names)), mentions=tuple(sorted(set(reader.mentions) - names)), dynamic=reader.dynamic
    )


class _Reader(ast.NodeVisitor):
    def __init__(self, path: str) -> None:
        self.folder = PurePosixPath("/", path).parent
        self.names: list[str] = []
        self.mentions: list[str] = []
        self.dynamic = False

    def visit_If(self, node: ast.If) -> None:
        # A reader of imports may not miss one, a name of that spelling that is not typing's own is improbable and harmless:
        # what really runs is in the coverage map as loaded.
        checking = isinstance(node.test, ast.Name | ast.Attribute) and _last_name(node.test) == "TYPE_CHECKING"
        for statement in node.orelse if checking else [node.test, *node.body, *node.orelse]:
            self.visit(statement)

    def visit_Import(self, node: ast.Import) -> None:
        self.names += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0:
            stem = f"{node.module}."
        else:
            folder = self.folder
            for _ in range(node.level - 1):
                folder = folder.parent
            stem = str(folder).rstrip("/") + "/" + (f"{node.module.replace('.', '/')}/" if node.module else "")
        self.names += [stem + alias.name for alias in node.names]

    def visit_Call(self, node: ast.Call) -> None:
        called = _last_name(node.func)
        if called in _IMPORTS_BY_LOOKING:
            self.dynamic = True
        elif called in _IMPORTS_BY_NAME:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith("."):
                self.names.append(first.value.replace(":", "."))
            else:
                self.dynamic = True
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(isinstance(target, ast.Name) and target.id == "pytest_plugins" for target in node.targets):
            texts = [one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant)]
            self.names += [text for text in texts if isinstance(text, str)]
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and len(node.value) < 200 and _DOTTED.fullmatch(node.value):
            self.mentions.append(node.value)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class ImportGraph:
    """Who imports whom among ``files`` (the Python files of the repository, at one commit or at two).

    An absolute name is looked for in every folder that is not a package, which is where ``sys.path`` can sensibly point.
    Importing a module runs the ``__init__.py`` of every folder above it; a test file runs every ``conftest.py`` above it.
    """

    def __init__(self, imports: Mapping[str, Imports], *, files: Collection[str], tests: Collection[str]) -> None:
        self._files = frozenset(files)
        self._tests = frozenset(tests)
        self._roots = _roots(self._files)
        self._folders: dict[str, list[str]] = defaultdict(list)
        for path in self._files:
            self._folders[path.rpartition("/")[0]].append(path)
        self._importers: dict[str, set[str]] = defaultdict(set)
        self._direct: dict[str, set[str]] = defaultdict(set)
        for path in sorted(self._files):
            self._add(path, imports.get(path, Imports()))

    def direct(self, path: str) -> frozenset[str]:
        """Return the files with an import statement that names ``path`` or something in it."""
        return frozenset(self._direct.get(path, ()))

    def importers(self, paths: Iterable[str]) -> frozenset[str]:
        """Return every file that imports one of ``paths`` through any chain; the paths themselves only if others do."""
        found: set[str] = set()
        waiting = list(paths)
        while waiting:
            new = self._importers.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return frozenset(found)

    def _add(self, path: str, imports: Imports) -> None:
        for name in imports.names:
            for imported in self._resolve(name):
                self._direct[imported].add(path)
                self._importers[imported].add(path)
        for name in imports.mentions:
            for imported in self._resolve(name):
                self._importers[imported].add(path)
        names = ("__init__.py", "conftest.py") if path in self._tests else ("__init__.py",)
        for folder in folders_above(path):
            for above in (f"{folder}{name}" for name in names):
                if above in self._files and above != path:
                    self._importers[above].add(path)

    def _resolve(self, name: str) -> Iterator[str]:
        if name.startswith("/"):
            yield from self._walk("", name.strip("/").split("/"))
            return
        parts = name.split(".")
        for root in self._roots.get(parts[0], ()):
            yield from self._walk(root, parts)

    def _walk(self, root: str, parts: list[str]) -> Iterator[str]:
        """Yield each file that importing the parts, one below the other, would run."""
        folder = root
        for part in parts:
            if part == "*":
                yield from self._folders.get(folder, ())
                return
            folder = f"{folder}/{part}" if folder else part
            for path in (f"{folder}.py", f"{folder}/__init__.py"):
                if path in self._files:
                    yield path


def folders_above(path: str) -> Iterator[str]:
    """Yield each folder above ``path``, the nearest first, with a slash at its end; the repository's root is empty."""
    folder = path
    while folder:
        folder = folder.rpartition("/")[0]
        yield f"{folder}/" if folder else ""


def _roots(files: frozenset[str]) -> dict[str, list[str]]:
    """Return, per top-level name, the folders it can be imported from: those that are not packages themselves."""
    roots: dict[str, set[str]] = defaultdict(set)
    for path in files:
        pure = PurePosixPath(path)
        parts = pure.parts
        for depth in range(len(parts)):
            folder = "/".join(parts[:depth])
            if folder and f"{folder}/__init__.py" in files:
                continue
            roots[parts[depth].removesuffix(".py")].add(folder)
    return {name: sorted(folders) for name, folders in roots.items()}
