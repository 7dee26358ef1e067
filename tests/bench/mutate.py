"""Single-line mutants of a Python module: one operator, constant, condition or return value each."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPARISONS: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Lt: ast.GtE(),
    ast.GtE: ast.Lt(),
    ast.Gt: ast.LtE(),
    ast.LtE: ast.Gt(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
}
_ARITHMETIC: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Add(),
    ast.FloorDiv: ast.Mult(),
    ast.Div: ast.Mult(),
    ast.Mod: ast.Add(),
    ast.BitOr: ast.BitAnd(),
    ast.BitAnd: ast.BitOr(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One expression of the file at ``path`` that becomes another; ``first`` and ``last`` are its columns, in bytes."""

    path: str
    line: int
    first: int
    last: int
    kind: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.kind}: {self.before} -> {self.after}"

    def applied(self, source: bytes) -> bytes | None:
        """Return the whole changed file; None where it would not parse, or would be the same code."""
        lines = source.splitlines(keepends=True)
        line = lines[self.line - 1]
        lines[self.line - 1] = line[: self.first] + self.after.encode() + line[self.last :]
        changed = b"".join(lines)
        try:
            return changed if ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)) else None
        except SyntaxError:
            return None


def mutants_of(path: str, source: bytes) -> Iterator[Mutant]:
    """Yield every mutation of an expression that lies on one line of a module, in the order of its nodes."""
    tree = ast.parse(source)
    left_alone = {id(below) for node in ast.walk(tree) if _is_left_alone(node) for below in ast.walk(node)}
    lines = source.splitlines()
    for node in ast.walk(tree):
        if id(node) in left_alone:
            continue
        for kind, target, text in _changes(node):
            if target.lineno != target.end_lineno or target.end_col_offset is None:
                continue
            first, last = target.col_offset, target.end_col_offset
            before = lines[target.lineno - 1][first:last].decode()
            yield Mutant(path=path, line=target.lineno, first=first, last=last, kind=kind, before=before, after=text)


def _is_left_alone(node: ast.AST) -> bool:
    """f-strings, whose parts have no positions of their own on older Pythons, and texts that stand alone (docstrings)."""
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.expr, str]]:
    """Yield what can be done to a node: the kind of mutation, the expression to replace, the new text."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        ops = [_COMPARISONS[type(node.ops[0])], *node.ops[1:]]
        yield "comparison", node, _text(ast.Compare(left=node.left, ops=ops, comparators=node.comparators))
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "boolean", node, _text(ast.BoolOp(op=other, values=node.values))
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield "arithmetic", node, _text(ast.BinOp(left=node.left, op=_ARITHMETIC[type(node.op)], right=node.right))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "negation", node, _text(node.operand)
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "return", node.value, "None"
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "condition", node.test, _text(ast.UnaryOp(op=ast.Not(), operand=node.test))


def _constants(node: ast.Constant) -> Iterator[tuple[str, ast.expr, str]]:
    if isinstance(node.value, bool):
        yield "constant", node, repr(not node.value)
    elif isinstance(node.value, int):
        yield "constant", node, repr(node.value + 1)
    elif isinstance(node.value, str):
        yield "constant", node, repr(f"{node.value}x")


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(ast.fix_missing_locations(node))})"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
