"""The answer of a checked condition for one build. Null is false, matches nothing and includes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shipping.local.engine.conditions.checker import check_name
from shipping.local.engine.conditions.syntax import Binary, Call, Listed, Literal, Node, Not, Pattern, Variable
from shipping.local.engine.regex.search import Regex, compiled

if TYPE_CHECKING:
    from shipping.local.engine.conditions.facts import Facts, Value


def evaluate(node: Node, facts: Facts) -> Value | Regex:
    """Return the node's value; raises ConditionFault only for a name given to ``env()`` that is made up on the way."""
    match node:
        case Literal() | Pattern():
            return _written(node)
        case Variable(name=name):
            return facts.values.get(name)
        case Call():
            return _call(node, facts)
        case Listed(elements=elements):
            return tuple(str(evaluate(one, facts) or "") for one in elements)
        case Not(operand=operand):
            return not evaluate(operand, facts)
        case Binary():
            return _binary(node, facts)


def _written(node: Literal | Pattern) -> Value | Regex:
    return compiled(node.source, ignore_case=node.ignore_case) if isinstance(node, Pattern) else node.value


def _call(node: Call, facts: Facts) -> str | None:
    name = str(evaluate(node.arguments[0], facts) or "")
    check_name(name, node.arguments[0].place)
    return facts.env.get(name, "" if node.name == "env" else None)


def _binary(node: Binary, facts: Facts) -> bool:
    left = evaluate(node.left, facts)
    if node.operator in ("&&", "||"):
        decided = bool(left) == (node.operator == "||")
        return bool(left) if decided else bool(evaluate(node.right, facts))
    right = evaluate(node.right, facts)
    if node.operator in ("==", "!="):
        return (left == right) == (node.operator == "==")
    if node.operator in ("=~", "!~"):
        return _matches(left, right) == (node.operator == "=~")
    return isinstance(left, tuple) and any(one == right or _matches(one, right) for one in left)


def _matches(text: Value | Regex, pattern: Value | Regex) -> bool:
    return isinstance(text, str) and isinstance(pattern, Regex) and pattern.search(text)
