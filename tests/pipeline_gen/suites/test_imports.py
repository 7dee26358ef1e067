"""What a file imports, and who imports it through any chain."""

from __future__ import annotations

import pytest

from pipeline_gen.suites.imports import ImportGraph, Imports, folders_above, read_imports
from pipeline_gen.suites.source import UnreadableSourceError

STATEMENTS = {
    "import a.b.c": ["a.b.c"],
    "import a.b as c, d": ["a.b", "d"],
    "from a.b import c, d": ["a.b.c", "a.b.d"],
    "from a import *": ["a.*"],
    "from . import x": ["/app/web/x"],
    "from .x import y": ["/app/web/x/y"],
    "from ..core.db import Session": ["/app/core/db/Session"],
    "def f():\n    import late": ["late"],
    "try:\n    import fast\nexcept ImportError:\n    import slow": ["fast", "slow"],
    "import importlib\nimportlib.import_module('plugins.bold')": ["importlib", "plugins.bold"],
    "__import__('old.style')": ["old.style"],
    "pytest.importorskip('maybe')": ["maybe"],
    "pytest_plugins = ['tests.fixtures', 'tests.more']": ["tests.fixtures", "tests.more"],
}


@pytest.mark.parametrize("source", STATEMENTS)
def test_the_names_of_import_statements_are_read(source: str) -> None:
    assert list(read_imports("app/web/views.py", source.encode()).names) == STATEMENTS[source]


def test_a_package_is_its_own_folder_for_relative_imports() -> None:
    assert read_imports("app/web/__init__.py", b"from . import views").names == ("/app/web/views",)


def test_imports_for_type_checkers_are_none_but_those_of_the_else_branch_are() -> None:
    source = b"if TYPE_CHECKING:\n    import a\nelse:\n    import b\nif typing.TYPE_CHECKING:\n    import c\n"

    assert read_imports("x.py", source).names == ("b",)


def test_dotted_names_in_strings_are_mentions() -> None:
    """Settings, mocks and frameworks turn them into imports."""
    read = read_imports("x.py", b"APPS = ['shop.cart', 'one', 'no dots here. Really', 'a/b.c']")

    assert (read.mentions, read.names) == (("shop.cart",), ())


@pytest.mark.parametrize(
    "source",
    [
        "import_module(name)",
        "import_module('.x', package)",
        "importlib.import_module(f'plugins.{name}')",
        "pkgutil.iter_modules(__path__)",
        "metadata.entry_points()",
        "exec(code)",
        "runpy.run_path('x.py')",
    ],
)
def test_importing_what_no_name_says_is_dynamic(source: str) -> None:
    assert read_imports("x.py", source.encode()).dynamic


def test_a_file_that_cannot_be_parsed_is_refused() -> None:
    with pytest.raises(UnreadableSourceError):
        read_imports("x.py", b"import")


def _graph(sources: dict[str, str], tests: tuple[str, ...] = ()) -> ImportGraph:
    imports = {path: read_imports(path, source.encode()) for path, source in sources.items()}
    return ImportGraph(imports, files=sources.keys(), tests=tests)


def test_a_module_runs_the_packages_above_it() -> None:
    graph = _graph(
        {"src/app/__init__.py": "", "src/app/web/__init__.py": "", "src/app/web/x.py": "", "t.py": "import app.web.x"}
    )

    for path in ("src/app/__init__.py", "src/app/web/__init__.py", "src/app/web/x.py"):
        assert "t.py" in graph.importers([path])
        assert "t.py" in graph.direct(path)


def test_a_name_from_a_package_may_be_a_module() -> None:
    graph = _graph({"app/__init__.py": "", "app/x.py": "", "t.py": "from app import x, y"})

    assert graph.direct("app/x.py") == {"t.py"}


def test_everything_from_a_package_may_be_any_of_its_modules() -> None:
    graph = _graph({"app/__init__.py": "__all__ = ['x']", "app/x.py": "", "t.py": "from app import *"})

    assert graph.importers(["app/x.py"]) == {"t.py"}


def test_a_module_inside_a_package_is_not_found_by_its_bare_name() -> None:
    """`import types` is not the types.py of a package: no package is on sys.path."""
    graph = _graph({"app/__init__.py": "", "app/types.py": "", "app/core.py": "import types"})

    assert graph.importers(["app/types.py"]) == frozenset()


def test_folders_that_are_no_packages_are_roots() -> None:
    """As `src` layouts, test folders and namespace packages need."""
    graph = _graph(
        {"src/space/app/x.py": "", "tests/helpers.py": "", "tests/t.py": "import space.app.x\nimport helpers"}
    )

    assert graph.importers(["src/space/app/x.py"]) == {"tests/t.py"}
    assert graph.importers(["tests/helpers.py"]) == {"tests/t.py"}


def test_chains_and_circles_are_followed_to_their_end() -> None:
    graph = _graph({"a.py": "import b", "b.py": "import c", "c.py": "import a", "t.py": "import a", "u.py": ""})

    assert graph.importers(["c.py"]) == {"a.py", "b.py", "c.py", "t.py"}
    assert graph.direct("c.py") == {"b.py"}


def test_a_test_runs_the_conftest_files_above_it_and_a_module_does_not() -> None:
    sources = {"conftest.py": "import a", "a.py": "", "app/x.py": "", "tests/unit/t.py": ""}

    graph = _graph(sources, tests=("tests/unit/t.py",))

    assert graph.importers(["a.py"]) == {"conftest.py", "tests/unit/t.py"}
    assert graph.direct("a.py") == {"conftest.py"}


def test_a_mention_is_a_chain_but_no_import_statement() -> None:
    graph = _graph({"shop/cart.py": "", "settings.py": "APPS = ['shop.cart.CartConfig']", "t.py": "import settings"})

    assert graph.importers(["shop/cart.py"]) == {"settings.py", "t.py"}
    assert graph.direct("shop/cart.py") == frozenset()


def test_a_file_without_known_imports_is_still_in_the_graph() -> None:
    graph = ImportGraph({"t.py": Imports(names=("gone",))}, files=["t.py", "gone.py"], tests=[])

    assert graph.importers(["gone.py"]) == {"t.py"}


def test_the_folders_above_a_path_begin_with_the_nearest() -> None:
    assert list(folders_above("a/b/c.py")) == ["a/b/", "a/", ""]
    assert list(folders_above("c.py")) == [""]
