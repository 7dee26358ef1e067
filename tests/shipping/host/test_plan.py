"""The next step, from any state that kills, failures and newer releases may leave."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from shipping.host.group import Group
from shipping.host.plan import Await, Drain, Finish, Forget, Start, next_step
from shipping.host.rolls import Release
from shipping.records.process import ProcessType

if TYPE_CHECKING:
    from shipping.records.process import Order

NAMES = ("/one", "/two", "/three")


def release(name: str, *, count: int = 2, order: Order = "start-first", types: tuple[str, ...] = ("web",)) -> Release:
    made = tuple(ProcessType(name=one, command=("x",), count=count, order=order) for one in types)
    return Release(commit=name.strip("/"), folder=Path(name), processes=made)


def serving(slot: int, of: str, **changed: object) -> Group:
    group = Group(id=f"{of}-{slot}", process="web", slot=slot, release=of, phase="serving")
    return replace(group, **changed)  # type: ignore[arg-type]


def run(wanted: Release, groups: list[Group]) -> list[str]:
    """Take every step as the world would, and return their names."""
    steps = []
    while (step := next_step(wanted, groups)) is not None:
        steps.append(type(step).__name__)
        assert len(steps) < 200, "it does not come to an end"
        match step:
            case Start():
                made = Group(
                    id=f"new-{len(steps)}", process=step.process.name, slot=step.slot, release=str(wanted.folder)
                )
                groups.append(made)
            case Await():
                groups[groups.index(step.group)] = replace(step.group, phase="serving")
            case Drain():
                groups[groups.index(step.group)] = replace(step.group, phase="draining", successor=str(wanted.folder))
            case Finish():
                groups[groups.index(step.group)] = replace(step.group, alive=False)
            case Forget():
                groups.remove(step.group)
    return steps


def test_start_first_has_one_group_more_for_a_moment() -> None:
    """Each new group is ready before an old one is drained, and the old one is gone before the next is started."""
    steps = run(release("/two"), [serving(0, "/one"), serving(1, "/one")])

    assert steps == ["Start", "Await", "Drain", "Finish", "Forget"] * 2


def test_stop_first_never_has_more_groups_than_it_should() -> None:
    """The old group is gone before its successor is started."""
    steps = run(release("/two", order="stop-first"), [serving(0, "/one"), serving(1, "/one")])

    assert steps == ["Drain", "Finish", "Forget", "Start", "Await"] * 2


def test_a_rolled_host_has_nothing_to_do() -> None:
    """Rolling to what runs is how the dead are replaced: with nobody dead there is no step."""
    assert next_step(release("/one"), [serving(0, "/one"), serving(1, "/one")]) is None


def test_a_drain_for_an_older_roll_does_not_hold_up_a_newer_one_but_two_generations_do() -> None:
    """A rollback starts at once beside one generation of drains; a third waits."""
    one = serving(0, "/zero", phase="draining", successor="/one")
    two = serving(1, "/one", phase="draining", successor="/two")

    beside_one = next_step(release("/three"), [one, serving(0, "/two")])
    beside_two = next_step(release("/three"), [one, two, serving(0, "/two")])

    assert isinstance(beside_one, Start)
    assert beside_two == Finish(group=one)


def test_a_group_that_another_roll_left_starting_is_drained() -> None:
    """It may have taken requests already."""
    left = serving(0, "/two", phase="starting")

    assert next_step(release("/three"), [left, serving(0, "/one")]) == Drain(group=left)


GROUPS = st.lists(
    st.builds(
        Group,
        id=st.uuids().map(str),
        process=st.sampled_from(["web", "worker", "gone"]),
        slot=st.integers(0, 3),
        release=st.sampled_from(NAMES),
        phase=st.sampled_from(["starting", "serving", "draining"]),
        alive=st.booleans(),
        successor=st.sampled_from(NAMES),
    ),
    max_size=9,
    unique_by=lambda one: one.id,
)


@given(groups=GROUPS, order=st.sampled_from(["start-first", "stop-first"]), count=st.integers(1, 3))
def test_from_any_state_it_ends_with_exactly_what_is_wanted(groups: list[Group], order: Order, count: int) -> None:
    """Whatever was there, at the end there is one serving group of the wanted release per slot, and nothing else."""
    wanted = release("/three", count=count, order=order, types=("web", "worker"))

    run(wanted, groups)

    assert sorted(one.place for one in groups) == sorted(
        (name, slot) for name in ("web", "worker") for slot in range(count)
    )
    assert {(one.release, one.phase, one.alive) for one in groups} == {("/three", "serving", True)}


@given(groups=GROUPS, order=st.sampled_from(["start-first", "stop-first"]))
def test_a_slot_that_served_is_never_emptied_by_start_first(groups: list[Group], order: Order) -> None:
    """Drains of what serves happen only where its successor serves, it is one too many, or the order says so."""
    wanted = release("/three", order=order)
    step = next_step(wanted, groups)

    if (
        isinstance(step, Drain)
        and step.group.phase == "serving"
        and step.group.process == "web"
        and step.group.slot < 2
    ):
        beside = [
            one for one in groups if one.place == step.group.place and one != step.group and one.phase == "serving"
        ]
        assert beside or order == "stop-first"
