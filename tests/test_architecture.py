"""The house, asserted: who may import whom, and which third-party client has which one room."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FLOORS = {
    "shipping.records": 0,
    "shipping.s3": 1,
    "shipping.aws": 1,
    # Signs and verifies bytes; of AWS it knows only that a key may be there, which is passed in: hosts must not need it.
    "shipping.signing": 1,
    "shipping.memory": 1,
    "shipping.buildkite": 1,
    "shipping.adopt": 1,  # looks at files and writes files; knows the generator's rules of what a test is, and nobody above
    "shipping.processes": 1,
    "shipping.launcher": 1,
    # A state machine over a store that is passed in; whoever counts or rolls by it stands above.
    "shipping.lane": 1,
    "shipping.fleet": 2,
    # What the app's pipelines must be at Buildkite: beside `slug`, above the client; jobs and doctors read it.
    "shipping.pipelines": 2,
    "shipping.serving": 1,  # runs in applications, not in ship
    "shipping.slug": 2,
    "shipping.host": 3,
    "shipping.testrun": 3,
    "shipping.release": 3,
    "shipping.jobs": 4,
    # What is wrong with a set-up: asks every client, and knows what jobs demand of agents.
    "shipping.doctor": 5,
    "shipping.local": 5,
    "shipping.demo": 6,
    "shipping.cli": 7,
}

# A third-party client and the rooms that may import it. The local world speaks to its own S3 server through moto's.
ROOMS = {
    "boto3": {"shipping.s3", "shipping.aws"},
    "botocore": {"shipping.s3", "shipping.aws", "shipping.local"},
    "pybuildkite": {"shipping.buildkite"},
    "moto": {"shipping.local"},
    "starlette": {"shipping.local"},
    "uvicorn": {"shipping.local", "shipping.serving"},
    "markdown_it": {"shipping.local"},
    "nh3": {"shipping.local"},
    "cryptography": {"shipping.signing"},
    "zstandard": {"shipping.slug", "pipeline_gen.suites"},
    "yaml": {"pipeline_gen.config", "shipping.cli", "shipping.local"},
}


def modules() -> dict[str, Path]:
    """Return every module of ours by its dotted name."""
    found = {}
    for package in ("pipeline_gen", "shipping"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, *, at_import_only: bool = False) -> set[str]:
    """Return the modules a file imports, inside functions and for types too; or only those that run at import."""
    tree = ast.parse(path.read_text())
    nodes = list(_at_import(tree.body)) if at_import_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports are absolute here"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _at_import(body: list[ast.stmt]) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            found += _at_import(node.body) + _at_import(node.orelse)
        elif isinstance(node, ast.Try):
            found += _at_import(node.body)
    return found


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_the_generator_never_imports_what_acts() -> None:
    """`pipeline_gen` decides; it must not know who acts."""
    guilty = [
        f"{module} imports {name}"
        for module, path in modules().items()
        if module.split(".")[0] == "pipeline_gen"
        for name in imports(path)
        if name.split(".")[0] == "shipping"
    ]

    assert guilty == []


def test_a_floor_imports_only_floors_below_it() -> None:
    """A room imports rooms of lower floors, and itself."""
    guilty = []
    for module, path in modules().items():
        if module in {"shipping", "pipeline_gen"} or not module.startswith("shipping."):
            continue
        assert room(module) in FLOORS, f"{module} has no floor in the table"
        for name in imports(path):
            other = room(name)
            if other in FLOORS and other != room(module) and FLOORS[other] >= FLOORS[room(module)]:
                guilty.append(f"{module} (floor {FLOORS[room(module)]}) imports {name} (floor {FLOORS[other]})")

    assert guilty == []


def test_no_module_imports_itself_in_a_circle() -> None:
    """What runs at import has no circle."""
    known = modules()
    graph = {
        name: {one for one in imports(path, at_import_only=True) if one in known and not name.startswith(f"{one}.")}
        for name, path in known.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for other in graph[name] - {name}:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("client", ROOMS)
def test_each_third_party_client_has_its_rooms(client: str) -> None:
    """A client's failures and quirks are known in one place."""
    guilty = [
        module
        for module, path in modules().items()
        if room(module) not in ROOMS[client] and any(name.split(".")[0] == client for name in imports(path))
    ]

    assert guilty == []
