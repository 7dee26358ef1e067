"""The coverage map: built from records, stored compactly, found by age."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_gen.suites.coverage_map import MAX_AGE, TestRecord, build_map, decode, encode, find_map, map_key
from pipeline_gen.suites.imports import Imports
from shipping.memory import MemoryStore

names = st.text("abcdé._-/", min_size=1, max_size=8)
records = st.lists(
    st.builds(
        TestRecord,
        file=names,
        ran=st.dictionaries(
            names, st.lists(names, min_size=1, max_size=4, unique=True).map(lambda n: tuple(sorted(n)))
        ),
        loaded=st.lists(names, max_size=4, unique=True).map(lambda n: tuple(sorted(n))),
        opaque=st.sampled_from(["", "it starts other processes (os.fork)"]),
        problem=st.sampled_from(["", "when recorded, it failed"]),
        finds=st.booleans(),
        age=st.integers(0, 3),
    ),
    max_size=8,
    unique_by=lambda record: record.file,
)
imports = st.dictionaries(
    names,
    st.builds(Imports, names=st.lists(names).map(tuple), mentions=st.lists(names).map(tuple), dynamic=st.booleans()),
    max_size=5,
)


@settings(deadline=None)
@given(records, imports)
def test_what_is_stored_is_what_is_read(made: list[TestRecord], graph: dict[str, Imports]) -> None:
    coverage = build_map("unit", "c0ffee", made, graph)

    assert decode(encode(coverage)) == coverage
    assert coverage.records() == {record.file: record for record in made}


@settings(deadline=None)
@given(records)
def test_the_order_of_records_does_not_matter(made: list[TestRecord]) -> None:
    """Jobs finish in any order, and two that finish last at once must write the same bytes."""
    assert encode(build_map("unit", "c", made, {})) == encode(build_map("unit", "c", reversed(made), {}))


def test_who_ran_and_who_loaded_is_answered_by_test_file() -> None:
    coverage = build_map(
        "unit",
        "c",
        [
            TestRecord(file="t1.py", ran={"a.py": ("f", "g")}, loaded=("a.py",)),
            TestRecord(file="t2.py", ran={"a.py": ("g",)}, loaded=("a.py", "b.py")),
        ],
        {},
    )

    assert coverage.ran_by("a.py", ["f"]) == {"t1.py"}
    assert coverage.ran_by("a.py", ["f", "g", "unheard of"]) == {"t1.py", "t2.py"}
    assert coverage.ran_by("nowhere.py", ["f"]) == frozenset()
    assert coverage.loaded_by("b.py") == {"t2.py"}


def test_a_large_map_is_small_when_stored() -> None:
    """A hundred test files that run most of two thousand functions: equal sets are written once."""
    functions = {f"app/m{n}.py": tuple(f"f{k}" for k in range(20)) for n in range(100)}
    made = [TestRecord(file=f"tests/test_{n}.py", ran=functions, loaded=tuple(functions)) for n in range(100)]

    assert len(encode(build_map("unit", "c", made, {}))) < 5_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not gzip",
        gzip.compress(b"not json"),
        gzip.compress(b"{}"),
        gzip.compress(json.dumps({"schema": 99}).encode()),
        encode(build_map("unit", "c", [TestRecord(file="t", ran={})], {}))[:-9],
    ],
    # Bytes make poor names, and a time in them would make another one in each process that collects.
    ids=["empty", "not gzip", "not json", "no schema", "another schema", "cut off"],
)
def test_a_map_that_cannot_be_read_is_no_map(body: bytes) -> None:
    store = MemoryStore()
    store.create(map_key("inbox", "unit", "c1"), body)

    found = find_map(store, "inbox", "unit", ["c0", "c1"])

    assert found.coverage is None
    assert found.reason.startswith("cannot read the coverage map of c1: it")


def test_the_newest_ancestor_with_a_map_is_taken() -> None:
    store = MemoryStore()
    for commit in ("c2", "c5"):
        store.create(map_key("inbox", "unit", commit), encode(build_map("unit", commit, [], {})))

    found = find_map(store, "inbox", "unit", [f"c{age}" for age in range(9)])

    assert found.coverage is not None
    assert found.coverage.commit == "c2"
    assert found.reason == "coverage map of c2, 2 commits before the merge base"


@pytest.mark.parametrize(("age", "usable"), [(MAX_AGE, True), (MAX_AGE + 1, False)])
def test_a_map_is_used_up_to_its_greatest_age(age: int, usable: bool) -> None:  # noqa: FBT001 - a table's column
    store = MemoryStore()
    store.create(map_key("inbox", "unit", f"c{age}"), encode(build_map("unit", f"c{age}", [], {})))

    found = find_map(store, "inbox", "unit", [f"c{number}" for number in range(200)])

    assert (found.coverage is not None) == usable
    assert usable or found.reason == "no coverage map of the merge base or the 50 commits before it on main"
