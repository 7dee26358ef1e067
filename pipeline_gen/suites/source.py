"""What differs between two versions of a Python module, by who can notice: its importers, callers of functions, or nobody."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from dataclasses import dataclass

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class UnreadableSourceError(Exception):
    """The file is not Python that this interpreter can parse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """``at_import`` names what differs in code that runs when the module is imported; ``bodies``, if that is nothing, the
    functions (qualified names) whose bodies differ. Both empty: comments and formatting.
    """

    at_import: tuple[str, ...]
    bodies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function by its qualified name, with the lines of its body. Functions inside it are part of it."""

    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """A piece of a module that can differ by itself."""

    kind: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}" if self.name else self.kind


def parse(source: bytes) -> ast.Module:
    """Parse a module. Raises UnreadableSourceError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the team's business, not ours
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableSourceError(str(error)) from error


def compare(old: bytes, new: bytes) -> Difference:
    """Tell what differs between two versions of a module. Raises UnreadableSourceError where one cannot be parsed.

    Docstrings, decorators, defaults and annotations belong to what runs at import: command-line help, doctest, routes and
    data classes read them without calling the function.
    """
    if old == new:
        return Difference(at_import=(), bodies=())
    before, after = _units(parse(old)), _units(parse(new))
    eager = _differing([u for u in before if u.kind != "body"], [u for u in after if u.kind != "body"])
    if eager:
        return Difference(at_import=_named(eager), bodies=())
    # All but the bodies is equal, so the functions stand in the same order under the same names.
    pairs = zip((u for u in before if u.kind == "body"), (u for u in after if u.kind == "body"), strict=True)
    return Difference(at_import=(), bodies=tuple(sorted({one.name for one, other in pairs if one != other})))


def functions(source: bytes) -> tuple[Function, ...]:
    """Return the outermost functions and methods of a module. Raises UnreadableSourceError."""
    reader = _Reader()
    reader.read(parse(source).body, "", [])
    return tuple(
        Function(name=name, first=node.body[0].lineno, last=node.end_lineno or node.body[-1].lineno)
        for name, node in reader.found
    )


def _differing(before: list[_Unit], after: list[_Unit]) -> list[_Unit]:
    if before == after:
        return []
    one, other = Counter(before), Counter(after)
    changed = list(((one - other) + (other - one)).keys())
    return changed or [_Unit(kind="order of statements", name="", text="")]


def _named(units: list[_Unit]) -> tuple[str, ...]:
    """Name what differs; of a function or class that came or went, only itself."""
    whole = {unit.name for unit in units if unit.kind in ("function", "class")}
    shown = [unit for unit in units if unit.name not in whole or unit.kind in ("function", "class")]
    return tuple(dict.fromkeys(str(unit) for unit in shown))


def _units(module: ast.Module) -> list[_Unit]:
    found: list[_Unit] = []
    _Reader(trims=_means_type_checking(module)).read(module.body, "", found)
    return found


def _means_type_checking(module: ast.Module) -> bool:
    """Tell whether the name TYPE_CHECKING is typing's own in this module, so that code under it never runs."""
    bound = [node for node in ast.walk(module) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    if any(node.id in ("TYPE_CHECKING", "typing") for node in bound):
        return False
    return any(
        (isinstance(node, ast.ImportFrom) and node.module == "typing" and _imports(node, "TYPE_CHECKING"))
        or (isinstance(node, ast.Import) and _imports(node, "typing"))
        for node in module.body
    )


def _imports(node: ast.Import | ast.ImportFrom, name: str) -> bool:
    return any(alias.name == name and alias.asname is None for alias in node.names)


class _Reader(ast.NodeTransformer):
    """Takes a module apart: functions out of the statements that hold them, the rest as text."""

    def __init__(self, *, trims: bool = False) -> None:
        self.trims = trims
        self.found: list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]] = []
        self._prefix = ""
        self._units: list[_Unit] = []

    def read(self, body: list[ast.stmt], prefix: str, units: list[_Unit]) -> None:
        self._units = units
        owner = prefix.rstrip(".")
        for number, statement in enumerate(body):
            self._prefix = prefix
            if isinstance(statement, ast.ClassDef):
                self._class(statement, prefix, units)
            elif number == 0 and _is_text(statement):
                units.append(_Unit(kind="docstring", name=owner, text=ast.dump(statement)))
            else:
                rest = self.visit(statement)
                kind, name = _described(statement, prefix)
                units.append(_Unit(kind=kind, name=name, text=ast.dump(rest)))

    def _class(self, node: ast.ClassDef, prefix: str, units: list[_Unit]) -> None:
        name = prefix + node.name
        header = [*node.bases, *node.keywords, *getattr(node, "type_params", [])]
        units.append(_Unit(kind="class", name=name, text=_dumped(header)))
        units.append(_Unit(kind="decorator", name=name, text=_dumped(node.decorator_list)))
        self.read(node.body, f"{name}.", units)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        before, self._prefix = self._prefix, f"{self._prefix}{node.name}."
        self.generic_visit(node)
        self._prefix = before
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if self.trims and _is_type_checking(node.test):
            node.body = [ast.Pass()]
        return self.generic_visit(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        name = self._prefix + node.name
        self.found.append((name, node))
        arguments = node.args
        body = node.body[1:] if _is_text(node.body[0]) else node.body
        shape = [type(node).__name__, "yields" if _yields(node) else "", ast.dump(_without_defaults(arguments))]
        shape += [ast.dump(node.returns) if node.returns else "", _dumped(getattr(node, "type_params", []))]
        for kind, text in (
            ("decorator", _dumped(node.decorator_list)),
            ("default argument", _dumped([*arguments.defaults, *arguments.kw_defaults])),
            ("signature", "\n".join(shape)),
            ("docstring", ast.dump(node.body[0]) if body is not node.body else ""),
            ("body", _dumped(body)),
        ):
            self._units.append(_Unit(kind=kind, name=name, text=text))
        return ast.Expr(value=ast.Constant(value=f"def {name}"))


def _described(statement: ast.stmt, prefix: str) -> tuple[str, str]:
    """Return how a statement is called in the evidence, and the name it binds."""
    if isinstance(statement, FUNCTIONS):
        return "function", prefix + statement.name
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return "import", ", ".join(alias.asname or alias.name for alias in statement.names)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    names = ", ".join(ast.unparse(target) for target in targets if isinstance(target, ast.expr))
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return ("class attribute" if prefix else "module constant"), prefix + names
    return ("class body" if prefix else "module level code"), prefix.rstrip(".")


def _without_defaults(arguments: ast.arguments) -> ast.arguments:
    counted = f"{len(arguments.defaults)} {[default is None for default in arguments.kw_defaults]}"
    marker = ast.arg(arg=counted)
    return ast.arguments(
        posonlyargs=arguments.posonlyargs,
        args=[marker, *arguments.args],
        vararg=arguments.vararg,
        kwonlyargs=arguments.kwonlyargs,
        kw_defaults=[],
        kwarg=arguments.kwarg,
        defaults=[],
    )


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_type_checking(test: ast.expr) -> bool:
    if isinstance(test, ast.Attribute):
        return test.attr == "TYPE_CHECKING" and isinstance(test.value, ast.Name) and test.value.id == "typing"
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _yields(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether calling the function makes a generator: decorators look at that when they are applied."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, (*FUNCTIONS, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
    return False


def _dumped(nodes: list[ast.stmt] | list[ast.expr] | list[ast.AST] | list[ast.expr | None]) -> str:
    return "\n".join(ast.dump(node) if node is not None else "" for node in nodes)
