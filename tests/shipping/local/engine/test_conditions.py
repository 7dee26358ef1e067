"""The condition language: what Buildkite answers, and what it refuses; written trees read back, and nothing crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shipping.local.engine.conditions.condition import ALWAYS, read
from shipping.local.engine.conditions.facts import NOTHING, OF_STEP, VARIABLES, Facts, Value
from shipping.local.engine.conditions.fault import ConditionFault
from shipping.local.engine.conditions.parser import DEEPEST, MOST_OPERATORS, parse
from shipping.local.engine.conditions.syntax import Binary, Call, Listed, Literal, Node, Not, Pattern, Variable

CASES = Path(__file__).parents[3] / "cases" / "conditions"


def rows(file: str) -> list[Any]:
    return [pytest.param(row, id=str(row["if"])) for row in yaml.safe_load((CASES / file).read_text())["rows"]]


def facts(row: dict[str, Any]) -> Facts:
    values: dict[str, Value] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.get("given", {}).items()
    }
    assert set(values) <= set(VARIABLES), "a row gives a variable that does not exist"
    return Facts(values=values, env=row.get("env", {}))


@pytest.mark.parametrize("row", rows("answered.yml"))
def test_what_a_condition_answers(row: dict[str, Any]) -> None:
    assert row["answer"] is read(row["if"]).holds(facts(row))


@pytest.mark.parametrize("row", rows("refused.yml"))
def test_what_is_refused_and_where(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be a condition") as caught:
        read(row["if"])

    assert row["refused"] in str(caught.value)


def test_what_is_no_text_is_no_condition() -> None:
    """A YAML boolean is not one; nothing at all always holds."""
    assert read(None) is ALWAYS
    assert ALWAYS.holds(NOTHING)
    with pytest.raises(ValueError, match="must be a condition in quotes"):
        read(True)


def test_a_name_made_up_on_the_way_is_checked_too() -> None:
    """What a literal may not ask for, a variable's content may not either."""
    condition = read('build.env(env("NAME")) == null')

    with pytest.raises(ValueError, match="'BUILDKITE_AGENT_ACCESS_TOKEN' is not known to conditions"):
        condition.holds(Facts(env={"NAME": "BUILDKITE_AGENT_ACCESS_TOKEN"}))
    with pytest.raises(ValueError, match="the name of an environment variable is empty"):
        condition.holds(NOTHING)
    assert not condition.holds(Facts(env={"NAME": "FOO-BAR", "FOO-BAR": "1"}))


def test_notifications_may_ask_about_their_step() -> None:
    """Steps may not: theirs are answered before they are anything."""
    condition = read('step.outcome == "hard_failed" && step.key == "deploy"', of_step=True)

    assert condition.holds(Facts(values={"step.outcome": "hard_failed", "step.key": "deploy"}))
    assert not set(OF_STEP) & set(VARIABLES)


@pytest.mark.parametrize(
    "text",
    [
        "(" * (DEEPEST + 1) + "true" + ")" * (DEEPEST + 1),
        "!" * (DEEPEST + 1) + "true",
        "true" + " || true" * (MOST_OPERATORS + 1),
        " " * 20_000 + "true",
        "[" * 5_000,
    ],
)
def test_conditions_that_nobody_writes_by_hand_are_refused(text: str) -> None:
    """Neither the stack nor the clock is theirs."""
    with pytest.raises(ValueError, match="more than"):
        read(text)


NAMES = st.from_regex(r"[a-z_]{1,6}(\.[a-z_]{1,6}){0,2}", fullmatch=True).filter(
    lambda name: name not in ("true", "false", "null", "includes")
)
PATTERNS = st.from_regex(r"[a-z0-9 ^$.|]{1,8}(\\/[a-z]){0,2}", fullmatch=True)
LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.builds(Literal, value=st.one_of(st.text(max_size=10), st.integers(0, 10**17), st.booleans(), st.none())),
    st.builds(Variable, name=NAMES),
    st.builds(Pattern, source=PATTERNS, ignore_case=st.booleans()),
)
TREES: st.SearchStrategy[Node] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, operand=inner),
        st.builds(
            Binary,
            operator=st.sampled_from(["==", "!=", "=~", "!~", "&&", "||", "includes"]),
            left=inner,
            right=inner,
        ),
        st.builds(Call, name=NAMES, arguments=st.lists(inner, max_size=2).map(tuple)),
        st.builds(Listed, elements=st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=12,
)


@given(TREES)
def test_a_tree_that_is_written_reads_back_as_itself(tree: Node) -> None:
    """Whatever it means: the parser does not ask."""
    assert tree == parse(str(tree))
    assert str(tree) == str(parse(str(tree)))


SCRAPS = st.sampled_from(
    ["build.branch", "build.env(", '"a"', "'b'", "/a+/i", "==", "=~", "&&", "||", "!", "(", ")", "[", ",", "]", "1"]
)


@given(st.one_of(st.text(), st.lists(SCRAPS).map(" ".join)))
def test_whatever_is_written_is_answered_or_refused(text: str) -> None:
    """Never anything else, and the place of a fault is in the text."""
    try:
        parse(text)
    except ConditionFault as fault:
        assert 0 <= fault.place <= len(text)  # noqa: PT017 - whether there is a fault is drawn
    try:
        condition = read(text)
    except ValueError as error:
        assert str(error).startswith("must be a condition (")  # noqa: PT017 - as above
    else:
        assert condition.holds(NOTHING) in (True, False)
