"""A pipeline with steps that are left out is the pipeline without them, whatever else is in it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shipping.local.engine import events
from tests.shipping.local.engine.driver import Driver
from tests.shipping.local.engine.test_properties import documents

FILTERS: list[dict[str, Any]] = [
    {"if": "false"},
    {"if": 'build.branch == "other" || build.pull_request.id != null'},
    {"branches": "other !main"},
    {"skip": "not today"},
]
OF_EVERY_KIND = FILTERS[:2]
PASSING: list[dict[str, Any]] = [{}, {}, {"if": "build.branch =~ /^main$/"}, {"if": "true"}]


@st.composite
def filtered(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """A pipeline, some of its steps left out by one of the filters; and the same without those."""
    whole, rest = [], []
    for step in draw(documents("abcdef")):
        chosen = draw(st.sampled_from(PASSING + (OF_EVERY_KIND if "wait" in step else FILTERS[:2] + FILTERS[3:])))
        inner = [_chosen(draw, one) for one in step.get("steps", [])]
        one = {**step, **chosen} | ({"steps": [with_filter for with_filter, _ in inner]} if inner else {})
        whole.append(one)
        kept = [plain for plain, out in inner if not out]
        if chosen in PASSING and (not inner or kept):
            rest.append(step | ({"steps": [_plain(plain) for plain in kept]} if inner else {}))
    gone = _keys(whole) - _keys(rest)
    return whole, [_without(step, gone) for step in rest]


def _chosen(draw: st.DrawFn, step: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    chosen = draw(st.sampled_from(PASSING + (FILTERS[:3] if "wait" in step else FILTERS)))
    return {**step, **chosen}, chosen not in PASSING


def _plain(step: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in step.items() if name != "if"}


def _keys(steps: list[Any]) -> set[str]:
    return {one["key"] for step in steps for one in (step, *step.get("steps", ())) if "key" in one}


def _without(step: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    """Return the step without its dependencies on what is gone; one that has none left still depends on nothing."""
    found = {name: value for name, value in step.items() if name not in ("depends_on", "steps")}
    if "depends_on" in step:
        asked = step["depends_on"] if isinstance(step["depends_on"], list) else [{"step": step["depends_on"]}]
        found["depends_on"] = [one for one in asked if one["step"] not in gone]
    if "steps" in step:
        found["steps"] = [_without(one, gone) for one in step["steps"]]
    return found


def rounds(drive: Driver, fails: dict[str, int]) -> list[list[str]]:
    """Run all jobs that may run at once, then those that may run then, and so on; return their keys."""
    found = []
    while jobs := list(iter(lambda: drive.ping(drive.agent()), None)):
        found.append([drive.key(job) for job in jobs])
        for job in jobs:
            drive.apply(events.JobAccepted(at=drive.at, job=job.id, agent=str(job.agent)))
            drive.apply(events.JobStarted(at=drive.at, job=job.id))
        for job in jobs:
            drive.end(job, fails.get(drive.key(job), 0))
    return found


@settings(max_examples=60, deadline=None)
@given(filtered(), st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([1, -1])))
def test_what_is_left_out_might_as_well_not_be_there(both: tuple[list[Any], list[Any]], fails: dict[str, int]) -> None:
    """The same jobs run, side by side where they did, to the same end."""
    whole, rest = (Driver().create(*steps) for steps in both)

    assert rounds(whole, fails) == rounds(rest, fails)
    left = whole.states()
    assert {key: left.pop(key) for key in rest.states()} == rest.states()
    assert set(left.values()) <= {"broken", "skipped"}
    if rest.states():
        assert whole.build.state == rest.build.state
