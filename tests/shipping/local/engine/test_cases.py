"""What Buildkite documents, as data: every case below ``tests/cases/engine`` is played on the pure engine."""

from __future__ import annotations

import pytest

from tests.shipping.local.engine.cases import Case, load, play

CASES = tuple(load())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    play(case)


def test_no_two_cases_have_one_name() -> None:
    """A copied case whose sentence was not changed hides which of the two failed."""
    names = [case.name for case in CASES]

    assert sorted(set(names)) == sorted(names)
