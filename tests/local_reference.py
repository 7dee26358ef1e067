"""Writes the tables of ``docs/local-buildkite.md`` from the code and the cases: ``python -m tests.local_reference``."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from shipping.local.engine import attributes, builds, expand, matrix, retry, values
from shipping.local.engine.conditions import facts
from shipping.local.server.agents.annotations import BODY_LIMIT
from tests.shipping.local.engine.cases import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "local-buildkite.md"
PHRASE = "not implemented by the local Buildkite"
DOCS = "https://buildkite.com/docs/"
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def steps() -> Iterator[str]:
    """Each kind of step: its attributes, and those that are refused."""
    yield "| step | attributes | refused by name |"
    yield "|---|---|---|"
    kinds = {
        "the document": (attributes.TOP, attributes.TOP_LATER),
        "command": (attributes.COMMAND, attributes.COMMAND_LATER),
        "wait": (attributes.WAIT, attributes.WAIT_LATER),
        "block": (attributes.BLOCK, attributes.BLOCK_LATER),
        "input": (attributes.INPUT, attributes.INPUT_LATER),
        "trigger": (attributes.TRIGGER, attributes.TRIGGER_LATER),
        "group": (attributes.GROUP, attributes.GROUP_LATER),
    }
    for kind, (known, later) in kinds.items():
        yield f"| {kind} | {_words(known)} | {_words(later)} |"


def names() -> Iterator[str]:
    """The other names of attributes."""
    yield "| attribute | also |"
    yield "|---|---|"
    for name in sorted(set(attributes.ALIASES.values())):
        yield f"| `{name}` | {_words(alias for alias, meant in attributes.ALIASES.items() if meant == name)} |"


def conditions() -> Iterator[str]:
    """The variables of conditions, by what they are."""
    yield "| variables | are |"
    yield "|---|---|"
    kinds: dict[facts.Kind, list[str]] = {}
    for name, kind in {**facts.VARIABLES, **facts.OF_STEP}.items():
        kinds.setdefault(kind, []).append(name)
    for kind, found in kinds.items():
        yield f"| {_words(found)} | {'one of ' + _words(kind.words) if kind.words else f'a {kind.name}'} |"


def limits() -> Iterator[str]:
    """The documented limits, as the code has them."""
    yield "| limit | value |"
    yield "|---|---|"
    for what, value in (
        ("jobs in one upload", expand.JOBS_PER_UPLOAD),
        ("uploads in one build", builds.UPLOADS_PER_BUILD),
        ("jobs in one build, retries included", retry.JOBS_PER_BUILD),
        ("jobs of one matrix", matrix.MOST_JOBS),
        ("dimensions of a matrix", matrix.MOST_DIMENSIONS),
        ("values of one dimension", matrix.MOST_ELEMENTS),
        ("characters of a skip reason", values.SKIP_LIMIT),
        ("characters of a key", values.KEY_LIMIT),
        ("characters of a concurrency group", values.GROUP_LIMIT),
        ("bytes of a meta-data value", values.META_DATA_LIMIT),
        ("bytes of an annotation", BODY_LIMIT),
    ):
        yield f"| {what} | {value:,} |"


def refusals() -> Iterator[str]:
    """Every sentence of the code that refuses something by name."""
    yield "| what is refused | by |"
    yield "|---|---|"
    told: dict[str, set[str]] = {}
    for path in sorted((ROOT / "shipping" / "local").rglob("*.py")):
        for sentence in _sentences(ast.parse(path.read_text())):
            what = re.sub(rf"\s*\b(is|are)?\s*{PHRASE}", "", sentence).strip(" :")
            if what:
                told.setdefault(what, set()).add(".".join(path.relative_to(ROOT).with_suffix("").parts[2:]))
    for what, where in sorted(told.items(), key=lambda row: (sorted(row[1]), row[0])):
        yield f"| {what.replace('|', chr(92) + '|')} | {', '.join(f'`{one}`' for one in sorted(where))} |"


def cases() -> Iterator[str]:
    """The rules that are played as cases, with the pages that they come from."""
    yield "| rule | cases | from |"
    yield "|---|---|---|"
    rules: dict[str, list[str]] = {}
    for case in load():
        rules.setdefault(case.name.partition(":")[0], []).append(str(case.told["docs"]))
    for rule, pages in rules.items():
        links = ", ".join(
            f"[{page.removeprefix(DOCS)}]({page})" for page in sorted({one.split("#")[0] for one in pages})
        )
        yield f"| [{rule}](../tests/cases/engine/{rule}.yml) | {len(pages)} | {links} |"


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    table.__name__: table for table in (steps, names, conditions, limits, refusals, cases)
}


def written(page: str) -> str:
    """Return the page with its tables as they must be."""
    return BLOCK.sub(lambda found: found[1] + "\n".join(TABLES[found[2]]()) + "\n" + found[3], page)


def _words(found: Iterator[str] | tuple[str, ...] | frozenset[str] | list[str]) -> str:
    return ", ".join(f"`{one}`" for one in (sorted(found) if isinstance(found, frozenset) else found))


def _sentences(tree: ast.Module) -> Iterator[str]:
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and id(node) not in within):
            text = _text(node)
            if PHRASE in text and "\n" not in text:
                yield text


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
        return PHRASE if node.value.id in ("LATER", "HERE") else "…"
    return "…"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
