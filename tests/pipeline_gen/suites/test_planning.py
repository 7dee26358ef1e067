from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_gen.config import ShardLimits, Suite
from pipeline_gen.suites.durations import Durations
from pipeline_gen.suites.parts import Floor, TestPlan
from pipeline_gen.suites.planning import UNKNOWN_FILE_SECONDS, make_test_plan


def suite(*, target: float = 60.0, least: int = 1, most: int = 100) -> Suite:
    return Suite(name="unit", target=target, shards=ShardLimits(min=least, max=most))


def test_files_stay_whole_where_that_is_balanced() -> None:
    durations = Durations({f"t/test_{file}.py::test": 10.0 for file in "abcdef"})

    plan = make_test_plan(suite(target=20.0), [f"t/test_{file}.py" for file in "fedcba"], durations)

    assert [part.seconds for part in plan.parts] == [20.0, 20.0, 20.0]
    assert all(not part.dealt and not part.remainder for part in plan.parts)


def test_a_file_longer_than_a_part_is_split_and_one_part_holds_its_remainder() -> None:
    durations = Durations({**{f"t/test_long.py::test_{n:02}": 1.0 for n in range(40)}, "t/test_short.py::test": 10.0})

    plan = make_test_plan(suite(least=5, most=5), ["t/test_long.py", "t/test_short.py"], durations)

    dealt = [ids for part in plan.parts for ids in part.dealt.values()]
    remainders = [ids for part in plan.parts for ids in part.remainder.values()]
    assert len(remainders) == 1
    assert set(remainders[0]) == {test for ids in dealt for test in ids}
    assert plan.makespan == 10.0


def test_a_split_pays_for_the_file_in_each_part_and_is_not_made_where_that_costs_more() -> None:
    """Importing the file takes 30 s, its ten tests one second each: two parts would take 35 s, one takes 40."""
    dear = Durations({"t/test_a.py": 30.0, **{f"t/test_a.py::test_{n}": 1.0 for n in range(10)}})

    plan = make_test_plan(suite(least=2, most=2), ["t/test_a.py"], dear)

    assert [part.seconds for part in plan.parts] == [35.0, 35.0]

    dearer = Durations({"t/test_a.py": 30.0, "t/test_a.py::test_1": 10.0, "t/test_a.py::test_2": 0.001})
    whole = make_test_plan(suite(least=2, most=2), ["t/test_a.py"], dearer)

    assert [part.files for part in whole.parts] == [("t/test_a.py",)]


def test_the_number_of_shards_follows_from_the_target_within_the_limits() -> None:
    durations = Durations({f"t/test_{n}.py::test": 1.0 for n in range(100)})
    files = [f"t/test_{n}.py" for n in range(100)]

    assert [len(make_test_plan(suite(target=seconds), files, durations).parts) for seconds in (1000, 50, 10)] == [
        1,
        2,
        10,
    ]
    assert len(make_test_plan(suite(target=10.0, most=4), files, durations).parts) == 4
    assert len(make_test_plan(suite(target=1000.0, least=3), files, durations).parts) == 3


def test_what_every_part_pays_once_counts_against_the_target() -> None:
    """A session fixture of 6 s leaves 4 s of each part for tests."""
    durations = Durations({".": 6.0, **{f"t/test_{n}.py::test": 1.0 for n in range(12)}})

    plan = make_test_plan(suite(target=10.0), [f"t/test_{n}.py" for n in range(12)], durations)

    assert [part.seconds for part in plan.parts] == [10.0, 10.0, 10.0]


def test_a_test_longer_than_the_target_is_the_floor_and_no_part_is_added_in_vain() -> None:
    durations = Durations({"t/test_a.py::test_slow": 30.0, **{f"t/test_a.py::test_{n}": 1.0 for n in range(30)}})

    plan = make_test_plan(suite(target=5.0), ["t/test_a.py"], durations)

    assert plan.floor == Floor(test="t/test_a.py::test_slow", seconds=30.0)
    assert len(plan.parts) == 2


def test_files_nobody_measured_count_as_an_average_one() -> None:
    known = Durations({"t/test_a.py::test": 8.0, "t/test_b.py::test": 12.0})

    plan = make_test_plan(suite(), ["t/test_a.py", "t/test_b.py", "t/test_new.py"], known)

    assert (plan.unknown, plan.makespan) == (1, 30.0)
    assert make_test_plan(suite(), ["t/test_new.py"], Durations({})).makespan == UNKNOWN_FILE_SECONDS


def test_a_suite_of_no_files_has_no_parts() -> None:
    assert make_test_plan(suite(), [], Durations({}), left_out=["t/test_a.py"]).parts == ()


SECONDS = st.one_of(st.just(0.0), st.floats(min_value=0.001, max_value=100.0, allow_nan=False))
SUITES = st.dictionaries(
    st.integers(0, 30), st.tuples(SECONDS, st.lists(SECONDS, max_size=20)), min_size=1, max_size=15
)


def durations_of(files: dict[int, tuple[float, list[float]]]) -> Durations:
    known = {}
    for file, (own, tests) in files.items():
        known[f"t/{file}.py"] = own
        known.update({f"t/{file}.py::test_{number}": seconds for number, seconds in enumerate(tests)})
    return Durations(known)


def assert_complete(plan: TestPlan, files: list[str], durations: Durations) -> None:
    """Every file is whole in one part, or split with one remainder that leaves out just what others were dealt."""
    whole = [file for part in plan.parts for file in part.files]
    remainders = {file: ids for part in plan.parts for file, ids in part.remainder.items()}
    assert len(remainders) == sum(len(part.remainder) for part in plan.parts)
    assert sorted([*whole, *remainders]) == files
    for file, left in remainders.items():
        dealt = [test for part in plan.parts for test in part.dealt.get(file, ())]
        assert sorted(dealt) == sorted(left)
        assert len(set(dealt)) == len(dealt)
        assert set(dealt) < set(durations.tests()[file])
    assert {file for part in plan.parts for file in part.dealt} == set(remainders)
    assert all(part.touched for part in plan.parts)


@given(files=SUITES, least=st.integers(1, 12), more=st.integers(0, 20), target=st.floats(0.01, 200.0))
@settings(deadline=None)
def test_any_suite_is_dealt_out_completely_and_within_the_bound(
    files: dict[int, tuple[float, list[float]]], least: int, more: int, target: float
) -> None:
    """No part exceeds twice the ideal: list scheduling's bound (Graham, 1966), the file's own cost paid by each piece."""
    durations = durations_of(files)
    names = sorted(f"t/{file}.py" for file in files)

    plan = make_test_plan(suite(target=target, least=least, most=least + more), names, durations)

    assert_complete(plan, names, durations)
    assert len(plan.parts) <= least + more
    assert plan == make_test_plan(suite(target=target, least=least, most=least + more), names[::-1], durations)
    assert plan == TestPlan.from_json(plan.to_json()) or plan.makespan > 0
    known = sum(durations.seconds.values())
    guessed = sum(known / max(1, len(files)) + UNKNOWN_FILE_SECONDS for _, tests in files.values() if not tests)
    longest = max(own + max(tests, default=own + known + UNKNOWN_FILE_SECONDS) for own, tests in files.values())
    assert plan.makespan <= 2 * ((known + guessed) / max(1, len(plan.parts)) + longest) + 1e-6


def test_real_shapes_are_balanced_within_two_percent() -> None:
    """Lognormal tests in files of very different size, at several numbers of shards."""
    chance = random.Random(7)
    seconds = {}
    for number in range(5000):
        seconds[f"t/{int(200 * chance.random() ** 3)}.py::test_{number}"] = chance.lognormvariate(-2, 1.2)
    durations = Durations(seconds)
    files = sorted(durations.tests())
    total, longest = sum(seconds.values()), max(seconds.values())
    for count in (3, 10, 40):
        plan = make_test_plan(suite(least=count, most=count), files, durations)
        split = sum(len(part.remainder) for part in plan.parts)

        assert plan.makespan <= 1.02 * max(total / count, longest)
        assert split <= count
        assert_complete(plan, files, durations)
    assert math.isclose(sum(part.seconds for part in plan.parts), total)


def test_files_that_are_their_own_tests_are_planned_by_the_seconds_on_record_and_never_split() -> None:
    """Suites that a command runs: the longest file is the floor, where it was measured."""
    durations = Durations({"web/a.js": 90.0, "web/b.js": 20.0, ".": 1.0})

    plan = make_test_plan(suite(target=60.0), ["web/a.js", "web/b.js", "web/new.js"], durations)

    assert plan.floor == Floor(test="web/a.js", seconds=90.0)
    assert plan.unknown == 1
    assert all(not part.dealt and not part.remainder for part in plan.parts)
    assert plan.parts[0].seconds == 91.0
