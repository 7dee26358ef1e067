"""The way in: a condition's text, checked, and its answer for a build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shipping.local.engine.conditions.checker import check
from shipping.local.engine.conditions.evaluator import evaluate
from shipping.local.engine.conditions.fault import ConditionFault
from shipping.local.engine.conditions.parser import parse

if TYPE_CHECKING:
    from shipping.local.engine.conditions.facts import Facts
    from shipping.local.engine.conditions.syntax import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """``tree`` None: nothing is asked, the answer is yes."""

    text: str = ""
    tree: Node | None = None

    def holds(self, facts: Facts) -> bool:
        """Return the answer; raises ValueError where it turns out on the way that there is none."""
        if self.tree is None:
            return True
        try:
            return bool(evaluate(self.tree, facts))
        except ConditionFault as fault:
            raise _told(fault, self.text) from None


ALWAYS = Condition()


def read(value: object, *, of_step: bool = False) -> Condition:
    """Return the condition that ``if`` says; nothing, or nothing but space, always holds.

    Raises ValueError with what is wrong and where, as the readers of `values` do. ``of_step`` lets notifications ask
    about their step.
    """
    if value is None:
        return ALWAYS
    if not isinstance(value, str):
        raise ValueError("must be a condition in quotes")  # noqa: TRY004 - a fault of the document, as all others here
    if not value.strip():
        return ALWAYS
    try:
        tree = parse(value)
        check(tree, of_step=of_step)
    except ConditionFault as fault:
        raise _told(fault, value) from None
    return Condition(text=value.strip(), tree=tree)


def _told(fault: ConditionFault, text: str) -> ValueError:
    return ValueError(f"must be a condition ({fault.located(text)})")
