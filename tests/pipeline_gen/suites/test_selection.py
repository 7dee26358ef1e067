"""Properties of selection that no table of cases can show; the table is tests/cases/selection."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_gen.config import Suite
from pipeline_gen.git import FileChange
from pipeline_gen.suites.coverage_map import MapSearch, TestRecord, build_map
from pipeline_gen.suites.imports import read_imports
from pipeline_gen.suites.selection import Selection, overridden, run_everything, select

SUITE = Suite(name="unit")

OLD = {
    "app/__init__.py": "",
    "app/a.py": "from app import b\nX = 1\ndef f(): return b.g()\n",
    "app/b.py": "def g(): return 1\ndef h(): return 2\n",
    "app/c.py": "import importlib\ndef load(name): return importlib.import_module(name)\n",
    "app/d.py": "Y = 1\n",
    "app/lonely.py": "Z = 1\n",
    "tests/conftest.py": "",
    "tests/deep/conftest.py": "from app import d\n",
    "tests/deep/test_d.py": "def test_d(): pass\n",
    "tests/test_a.py": "from app.a import f\ndef test_a(): f()\n",
    "tests/test_b.py": "from app import b\ndef test_b(): b.h()\n",
    "tests/test_c.py": "from app import c\ndef test_c(): c.load('app.d')\n",
    "tests/test_none.py": "def test_none(): pass\n",
}
TESTS = tuple(path for path in OLD if "/test_" in path)
RECORDS = [
    TestRecord(file="tests/test_a.py", ran={"app/a.py": ("f",), "app/b.py": ("g",)}, loaded=("app/a.py", "app/b.py")),
    TestRecord(file="tests/test_b.py", ran={"app/b.py": ("h",)}, loaded=("app/b.py",)),
    TestRecord(file="tests/test_c.py", ran={"app/c.py": ("load",)}, loaded=("app/c.py", "app/d.py")),
    TestRecord(file="tests/deep/test_d.py", ran={}, loaded=("app/d.py",), opaque="it starts other processes (os.fork)"),
    TestRecord(file="tests/test_none.py", ran={}, loaded=()),
]
FOUND = MapSearch(
    coverage=build_map(
        "unit", "c0", RECORDS, {path: read_imports(path, source.encode()) for path, source in OLD.items()}
    ),
    reason="coverage map of c0",
)

# Of each path: what it may become. None is deleted.
EDITS: dict[str, list[str | None]] = {
    "app/a.py": [
        "from app import b\nX = 2\ndef f(): return b.g()\n",
        "from app import b\nX = 1\ndef f(): return 0\n",
        None,
    ],
    "app/b.py": [
        "def g(): return 1\ndef h(): return 3\n",
        "def g(): return 1  # one\ndef h(): return 2\n",
        "def (",
        None,
    ],
    "app/c.py": ["import importlib\ndef load(name): return 1\n", None],
    "app/d.py": ["Y = 2\n", "Y = 1\n\n", None],
    "app/lonely.py": ["Z = 2\n", "Z = 1 # z\n"],
    "app/new.py": ["import app.b\n"],
    "app/__init__.py": ["from app import new\n"],
    "tests/conftest.py": ["A = 1\n", "# a\n"],
    "tests/deep/conftest.py": ["from app import d, b\n", None],
    "tests/test_a.py": ["from app.new import f\ndef test_a(): f()\n", None],
    "tests/test_new.py": ["def test_new(): pass\n"],
    "docs/x.md": ["x"],
    "data.json": ["{}"],
    "uv.lock": ["x"],
}

changed = st.lists(st.sampled_from(sorted(EDITS)), unique=True).flatmap(
    lambda paths: st.tuples(*[st.tuples(st.just(path), st.sampled_from(EDITS[path])) for path in paths])
)


def _select(edits: tuple[tuple[str, str | None], ...], suite: Suite = SUITE, **given_: tuple[str, ...]) -> Selection:
    new = {path: source for path, source in {**OLD, **dict(edits)}.items() if source is not None}
    changes = [
        FileChange(path=path, status="D" if source is None else "M" if path in OLD else "A") for path, source in edits
    ]

    def read(tree: dict[str, str], path: str) -> bytes | None:
        return tree[path].encode() if path in tree else None

    return select(
        suite,
        # A test file is never taken away here, so that selections of different changes can be compared.
        files={*TESTS, *(path for path in new if "/test_" in path)},
        changes=changes,
        found=FOUND,
        read_old=lambda path: read(OLD, path),
        read_new=lambda path: read(new, path),
        ignore=("*.md",),
        **given_,
    )


@settings(deadline=None, max_examples=50)
@given(changed)
def test_one_more_change_never_selects_less(edits: tuple[tuple[str, str | None], ...]) -> None:
    """Changes that explain new files aside: see below."""
    edits = tuple(edit for edit in edits if edit[0] != "app/new.py")
    steps = [_select(edits[:count]) for count in range(len(edits) + 1)]

    for fewer, more in pairwise(steps):
        assert set(fewer.files) <= set(more.files)


def test_a_change_that_imports_a_new_file_explains_it() -> None:
    """Alone, a new file may be found by a name that nobody wrote down, as migrations and commands of frameworks are."""
    new = ("app/new.py", "import app.b\n")

    assert _select((new,)).everything
    assert not _select((new, ("app/a.py", "from app import b, new\nX = 1\ndef f(): return b.g()\n"))).everything


def test_a_change_that_imports_an_old_unknown_file_does_not_explain_it() -> None:
    """Whoever used it before, in ways we do not see, still does."""
    lonely = ("app/lonely.py", "Z = 2\n")

    assert _select((lonely, ("app/a.py", "from app import b, lonely\nX = 1\ndef f(): return b.g()\n"))).everything


@settings(deadline=None, max_examples=50)
@given(changed, st.randoms(use_true_random=False))
def test_the_order_of_changes_does_not_matter(edits: tuple[tuple[str, str | None], ...], random: object) -> None:
    shuffled = list(edits)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    one, other = _select(edits), _select(tuple(shuffled))

    assert (one.files, one.left_out, one.everything) == (other.files, other.left_out, other.everything)


@settings(deadline=None, max_examples=50)
@given(changed)
def test_the_same_question_has_the_same_answer(edits: tuple[tuple[str, str | None], ...]) -> None:
    assert _select(edits) == _select(edits)


@settings(deadline=None, max_examples=50)
@given(changed, st.sampled_from(["data.json", "uv.lock", "a/b.weird", "Dockerfile", "app/lib.so", "lonely2.py"]))
def test_what_is_not_known_runs_everything(edits: tuple[tuple[str, str | None], ...], path: str) -> None:
    selection = _select((*(edit for edit in edits if edit[0] != path), (path, "?")))

    assert (selection.everything, selection.left_out) == (True, ())
    assert all(decision.evidence for decision in selection.decisions)


@settings(deadline=None, max_examples=50)
@given(changed)
def test_every_file_is_run_or_left_out_and_every_one_that_runs_has_a_reason(
    edits: tuple[tuple[str, str | None], ...],
) -> None:
    selection = _select(edits)

    files = {*TESTS, *(path for path, source in edits if source is not None and "/test_" in path)}
    assert sorted(files) == sorted([*selection.files, *selection.left_out])
    if not selection.everything:
        named = {decision.subject for decision in selection.decisions if decision.included}
        assert {*selection.files} <= named


@settings(deadline=None, max_examples=50)
@given(changed)
def test_changed_failed_and_always_wanted_tests_always_run(edits: tuple[tuple[str, str | None], ...]) -> None:
    suite = Suite(name="unit", always=("test_none.py",))

    selection = _select(edits, suite, failed_before=("tests/test_c.py",))

    assert {"tests/test_c.py", "tests/test_none.py"} <= set(selection.files)
    assert {path for path, source in edits if source is not None and "/test_" in path} <= set(selection.files)


def test_a_lazy_import_by_a_computed_name_is_known_from_the_recording() -> None:
    """No import leads from test_c to d; it had it loaded."""
    assert "tests/test_c.py" in _select((("app/d.py", "Y = 2\n"),)).files


def test_a_test_file_without_a_record_runs() -> None:
    """It was not green by itself when it was recorded, or is newer than the map."""
    records = [*RECORDS[:-1], TestRecord(file="tests/test_none.py", ran={}, problem="when recorded, it failed (x)")]
    found = MapSearch(coverage=build_map("unit", "c0", records, {}), reason="map")

    selection = select(
        SUITE,
        files=[*TESTS, "tests/test_new.py"],
        changes=[],
        found=found,
        read_old=lambda _: None,
        read_new=lambda _: None,
    )

    assert selection.files == ("tests/test_new.py", "tests/test_none.py")
    assert [str(decision) for decision in selection.decisions] == [
        "run   suite:unit: selection (the change can reach 2 of 6 test files; map)",
        "run   tests/test_new.py: not recorded (the coverage map does not have this test file)",
        "run   tests/test_none.py: not recorded (when recorded, it failed (x))",
    ]


def test_without_a_map_everything_runs_and_says_why() -> None:
    selection = select(
        SUITE,
        files=TESTS,
        changes=[],
        found=MapSearch(coverage=None, reason="no coverage map of the merge base"),
        read_old=lambda _: None,
        read_new=lambda _: None,
    )

    assert selection == run_everything(
        SUITE, TESTS, rule="no coverage map", evidence="no coverage map of the merge base"
    )
    assert (selection.everything, selection.files) == (True, tuple(sorted(TESTS)))


@pytest.mark.parametrize(
    ("message", "labels", "evidence"),
    [
        ("Fix it\n\nShip: Run Everything\n", (), "'Ship: Run Everything' in the commit message"),
        ("Fix it", ("bug", "ship: run everything"), "label 'ship: run everything'"),
        ("Fix it", ("ship:run-everything",), "label 'ship:run-everything'"),
        ("ship: run everything is what I would like", (), None),
        ("", (), None),
    ],
)
def test_a_person_can_ask_for_everything(message: str, labels: tuple[str, ...], evidence: str | None) -> None:
    assert overridden(message, labels) == evidence
