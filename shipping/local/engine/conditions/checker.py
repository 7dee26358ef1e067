"""Refuses what a condition cannot mean, before it is asked: unknown names, and comparisons of different kinds.

Buildkite checks both sides of every operator, also those that would never be evaluated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline_gen.errors import nearest
from shipping.local.engine.conditions.facts import (
    BOOLEAN,
    ENVIRONMENT,
    LIST,
    NULL,
    NUMBER,
    OF_GITHUB,
    OF_STEP,
    REGEXP,
    STRING,
    VARIABLES,
    Kind,
)
from shipping.local.engine.conditions.fault import ConditionFault
from shipping.local.engine.conditions.syntax import Binary, Call, Listed, Literal, Node, Not, Pattern, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTIONS = ("build.env", "env")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(tree: Node, *, of_step: bool = False) -> None:
    """Raise ConditionFault unless the condition says yes or no. ``of_step``: the ``step`` variables are known too."""
    kind = _Checker({**VARIABLES, **OF_STEP} if of_step else VARIABLES).kind(tree)
    if kind != BOOLEAN:
        raise ConditionFault(f"a condition must say true or false, this is a {kind.name}", tree.place)


class _Checker:
    def __init__(self, variables: Mapping[str, Kind]) -> None:
        self._variables = variables

    def kind(self, node: Node) -> Kind:
        match node:
            case Literal() | Pattern():
                return _written(node)
            case Variable():
                return self._variable(node)
            case Call():
                return self._call(node)
            case Listed(elements=elements):
                for element in elements:
                    self._expect(element, STRING)
                return LIST
            case Not(operand=operand):
                self._expect(operand, BOOLEAN, NULL)
                return BOOLEAN
            case Binary():
                return self._binary(node)

    def _variable(self, node: Variable) -> Kind:
        if node.name in self._variables:
            return self._variables[node.name]
        if node.name in OF_STEP:
            raise ConditionFault(f"{node.name!r} is known in notifications only", node.place)
        raise ConditionFault(
            f"{node.name!r} is not a variable{nearest(node.name, sorted(self._variables))}", node.place
        )

    def _call(self, node: Call) -> Kind:
        if node.name not in FUNCTIONS:
            raise ConditionFault(f"{node.name!r} is not a function, 'build.env' is", node.place)
        if len(node.arguments) != 1:
            raise ConditionFault(f"{node.name}() takes the name of one variable", node.place)
        (argument,) = node.arguments
        self._expect(argument, STRING)
        if isinstance(argument, Literal):
            if not NAME.fullmatch(str(argument.value)):
                raise ConditionFault(f"{argument.value!r} is not the name of an environment variable", argument.place)
            check_name(str(argument.value), argument.place)
        return STRING

    def _binary(self, node: Binary) -> Kind:
        match node.operator:
            case "&&" | "||":
                self._expect(node.left, BOOLEAN)
                self._expect(node.right, BOOLEAN)
            case "=~" | "!~":
                self._expect(node.left, STRING, NULL)
                self._expect(node.right, REGEXP)
            case "includes":
                self._expect(node.left, LIST, NULL)
                if self.kind(node.right).words == ():
                    self._expect(node.right, STRING, REGEXP, NULL)
            case _:
                self._compare(node)
        return BOOLEAN

    def _compare(self, node: Binary) -> None:
        left, right = self.kind(node.left), self.kind(node.right)
        if REGEXP in (left, right):
            raise ConditionFault("a regular expression is matched by =~ or !~", node.place)
        for one, other, written in ((left, right, node.right), (right, left, node.left)):
            if one.words and other == STRING:
                if isinstance(written, Literal) and written.value not in one.words:
                    near = nearest(str(written.value), list(one.words))
                    raise ConditionFault(f"{written.value!r} is not a {one.name}{near}", written.place)
                return
        if NULL not in (left, right) and left != right:
            raise ConditionFault(f"cannot compare a {left.name} with a {right.name}", node.place)

    def _expect(self, node: Node, *kinds: Kind) -> None:
        found = self.kind(node)
        if found not in kinds:
            wanted = " or ".join(kind.name for kind in kinds)
            raise ConditionFault(f"expected a {wanted}, this is a {found.name}", node.place)


def check_name(name: str, place: int) -> None:
    """Raise ConditionFault for a name that Buildkite's ``env()`` would refuse."""
    if not name.strip():
        raise ConditionFault("the name of an environment variable is empty", place)
    if name.startswith("BUILDKITE_") and not name.startswith(OF_GITHUB) and name not in ENVIRONMENT:
        raise ConditionFault(f"{name!r} is not known to conditions{nearest(name, sorted(ENVIRONMENT))}", place)


def _written(node: Literal | Pattern) -> Kind:
    if isinstance(node, Pattern):
        return REGEXP
    if node.value is None:
        return NULL
    if isinstance(node.value, bool):
        return BOOLEAN
    return NUMBER if isinstance(node.value, int) else STRING
