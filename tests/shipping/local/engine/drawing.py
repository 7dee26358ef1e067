"""Pipelines for property tests: command steps with all that decides when they run, waits, blocks, inputs, triggers, groups."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

GROUPS = {"deploy": 1, "devices": 2}
SLUGS = ("inbox", "billing")
KEYS = "abcde"
UPLOADED = ("fg", "hi")
NOWHERE = "?"


@st.composite
def commands(draw: st.DrawFn, key: str, *, calm: bool = False) -> dict[str, Any]:
    """A command step. What it depends on may be there, come later by an upload, never come, or be itself.

    With ``calm`` nothing in it makes who comes first matter: no job is canceled because another one failed.
    """
    step: dict[str, Any] = {"command": "x", "key": key}
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from((*KEYS, *UPLOADED[0], NOWHERE)), max_size=2, unique=True))
        step["depends_on"] = [{"step": name, "allow_failure": draw(st.booleans())} for name in names]
    if draw(st.integers(0, 2)) == 0:
        group = draw(st.sampled_from(sorted(GROUPS)))
        step |= {"concurrency_group": group, "concurrency": GROUPS[group]}
    if draw(st.integers(0, 2)) == 0:
        step["retry"] = {"automatic": [{"exit_status": draw(st.sampled_from(["*", -1])), "limit": 1}]}
    for name, value in (("parallelism", 2), ("soft_fail", True), ("cancel_on_build_failing", True), ("skip", True)):
        if draw(st.integers(0, 5)) == 0 and not (calm and name == "cancel_on_build_failing"):
            step[name] = value
    if draw(st.integers(0, 3)) == 0:
        step["timeout_in_minutes"] = 1
    return step


def between() -> st.SearchStrategy[Any]:
    """What stands between command steps."""
    return st.sampled_from(
        [
            "wait",
            {"wait": None, "continue_on_failure": True},
            {"block": "Go on?"},
            {"input": "Which?"},
            {"trigger": "billing"},
            {"trigger": "inbox", "async": True},
        ]
    )


@st.composite
def documents(draw: st.DrawFn, keys: str = KEYS, *, calm: bool = False) -> list[Any]:
    """Steps for these keys in some order, with others between them, some of them in a group."""
    steps: list[Any] = []
    for key in draw(st.permutations(keys)):
        steps.append(draw(commands(key, calm=calm)))
        if draw(st.integers(0, 2)) == 0:
            steps.append(draw(between()))
    if draw(st.booleans()):
        cut = draw(st.integers(0, len(steps) - 1))
        group: dict[str, Any] = {"group": "G", "key": f"G{keys[0]}", "steps": steps[cut:]}
        if draw(st.booleans()):
            group["depends_on"] = draw(st.sampled_from(KEYS))
        steps = [*steps[:cut], group]
    return steps
