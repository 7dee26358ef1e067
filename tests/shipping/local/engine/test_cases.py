"""What Buildkite documents, as data: every case below ``tests/cases/engine`` is played on the pure engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.oracle import complaint
from tests.shipping.local.engine.cases import Case, load, play

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = tuple(load())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    play(case)


def test_no_two_cases_have_one_name() -> None:
    """A copied case whose sentence was not changed hides which of the two failed."""
    names = [case.name for case in CASES]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_buildkites_own_schema_takes_the_pipelines_of_the_cases(case: Case) -> None:
    """But for those that say why it does not: a case about a pipeline that nobody could upload shows nothing."""
    complaints = [found for document in documents(case) if (found := complaint(document)) is not None]

    assert bool(complaints) is ("beyond" in case.told), complaints


def documents(case: Case) -> Iterator[dict[str, Any]]:
    """Yield the documents of the case that are not refused."""
    for happening in (case.told, *case.told.get("script", ())):
        if "pipeline" in happening and "refused" not in happening:
            document = happening["pipeline"]
            yield {"steps": document} if isinstance(document, list) else document
