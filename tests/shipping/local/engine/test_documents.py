"""What a document may be made of, before anybody asks what it means."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from shipping.local.engine.documents import DEEPEST, plain
from shipping.local.engine.rejection import Rejection
from tests.shipping.local.engine.driver import Driver


def nested(depth: int) -> object:
    found: object = "x"
    for _ in range(depth):
        found = [found]
    return found


def test_what_yaml_reads_becomes_what_json_would_carry() -> None:
    """Dates as they are written, keys as text."""
    document = yaml.safe_load("{2: a, on: b, day: 2026-01-02, list: [1.5, null, true]}")

    assert plain(document) == {"2": "a", "true": "b", "day": "2026-01-02", "list": [1.5, None, True]}


@pytest.mark.parametrize("text", ["a: !!set {x}", "a: !!binary aGVsbG8=", "a: .inf", "a: .nan"])
def test_what_json_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(Rejection, match="is no text, number, boolean, list or map"):
        plain(yaml.safe_load(text))


def test_a_document_is_nested_as_deep_as_people_nest() -> None:
    """Deeper ones would need more stack than there is, here or in the ledger."""
    assert plain(nested(DEEPEST)) == nested(DEEPEST)
    for depth in (DEEPEST + 1, 900, 5_000):
        with pytest.raises(Rejection, match="nested more than 100 deep"):
            plain(nested(depth))


def test_a_node_that_stands_in_many_places_is_counted_in_each() -> None:
    """A few lines of YAML can say a billion words."""
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))

    with pytest.raises(Rejection, match="more than 250000 values"):
        plain(yaml.safe_load(laughs))


@pytest.mark.parametrize("steps", [[{"plugins": [{"p": {"x": nested(900)}}]}], nested(900)])
def test_an_upload_that_is_too_deep_is_refused_and_nothing_changes(steps: Any) -> None:  # noqa: ANN401
    """A 500 would have the agent ask again for minutes."""
    drive = Driver().create({"command": "x", "key": "up"})
    job = drive.begin(drive.agent())
    before = drive.state

    with pytest.raises(Rejection, match="nested more than"):
        drive.upload(job, *steps)

    assert before is drive.state
