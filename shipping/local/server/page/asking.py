"""Questions and answers between forms and the engine: what a field is filled in with, and what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from shipping.local.engine import fields
from shipping.local.engine.attributes import canonical
from shipping.local.engine.kinds import Input
from shipping.local.engine.rejection import Rejection
from shipping.local.server.page.guard import FIELD
from shipping.local.server.rest.configuration import document

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shipping.local.engine.kinds import Field
    from shipping.local.engine.records import Pipeline

Form: TypeAlias = dict[str, list[str]]
PREFIX = "field."
"""Before each key in a form: a field may be called as an input of ours is."""


def questions(asked: Iterable[Field], form: Form) -> list[tuple[Field, list[str]]]:
    """Return each field with its values: what the form says, the default where the form is a new one."""
    return [(field, _values(field, form) or [""]) for field in asked]


def _values(field: Field, form: Form) -> list[str]:
    if FIELD in form or PREFIX + field.key in form:
        return form.get(PREFIX + field.key, [])
    return [field.default] if isinstance(field.default, str) else list(field.default)


def given(asked: Iterable[Field], form: Form) -> dict[str, str | tuple[str, ...]]:
    """Return the answers in the form; those that nobody asked for too, so that the engine can say so."""
    several = {field.key for field in asked if field.multiple}
    return {
        key: tuple(values) if key in several or len(values) > 1 else values[0]
        for name, values in form.items()
        if (key := name.removeprefix(PREFIX)) != name
    }


def first_questions(pipeline: Pipeline) -> Input | None:
    """Return what the pipeline's first step asks, if it does: then New Build asks it at once."""
    try:
        steps = document(pipeline.configuration)
        steps = steps.get("steps") if isinstance(steps, dict) else steps
        first = steps[0] if isinstance(steps, list) and steps else None
        named, _ = canonical(first) if isinstance(first, dict) else ({}, [])
        kind = next((kind for kind in ("input", "block") if kind in named), None)
        found = fields.read(named.get("fields")) if kind and "command" not in named else ()
    except (Rejection, ValueError):
        # What is wrong with it is said when the build is created.
        return None
    return Input(prompt=str(named.get(kind or "") or ""), fields=found) if found else None
