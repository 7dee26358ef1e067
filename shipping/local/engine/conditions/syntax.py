"""The tree of a condition, and how it is written. A node's place is where it stands in the text."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    value: str | int | bool | None
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return "'" + self.value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return "null" if self.value is None else str(self.value).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    source: str
    ignore_case: bool = False
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"/{self.source}/{'i' if self.ignore_case else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """Dotted names are one word: ``build.pull_request.repository`` and ``....repository.fork`` are two variables."""

    name: str
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    name: str
    arguments: tuple[Node, ...]
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    elements: tuple[Node, ...]
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.elements))}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    operand: Node
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"!{self.operand}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    operator: str
    left: Node
    right: Node
    place: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


Node = Literal | Pattern | Variable | Call | Listed | Not | Binary
