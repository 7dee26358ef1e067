"""Fills the page templates. Every value is escaped unless `markup` made it."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from inbox.markup import to_html
from inbox.text import excerpt, plural

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: object) -> str:
    """Return the page. Raises jinja2's errors for a template that is missing, wrong, or wants a value it is not given."""
    return environment().get_template(template).render(**values)


def check() -> list[str]:
    """Compile every template and return their names; raises for one that is wrong."""
    names = environment().list_templates(extensions=["html"])
    for name in names:
        environment().get_template(name)
    return names


def moment(seconds: float) -> str:
    """Return a time as people read it: ``2024-05-17 09:30 UTC``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


@functools.cache
def environment() -> Environment:
    """Return the environment of all templates, made once per process."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        excerpt=excerpt,
        moment=moment,
        plural=plural,
        markup=lambda source: Markup(to_html(source)),  # noqa: S704 - to_html escapes
    )
    return made
