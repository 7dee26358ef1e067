"""From a step's questions to a form and back."""

from __future__ import annotations

import json

from shipping.local.engine.kinds import Field, Option
from shipping.local.engine.records import Pipeline
from shipping.local.server.page.asking import first_questions, given, questions

TEXT = Field(kind="text", key="reason", default="because")
MANY = Field(
    kind="select",
    key="regions",
    multiple=True,
    default=("us", "eu"),
    options=tuple(Option(label=name.upper(), value=name) for name in ("us", "eu", "au")),
)


def pipeline(*steps: object) -> Pipeline:
    return Pipeline(id="p", slug="p", name="p", repository="r", configuration=json.dumps({"steps": list(steps)}))


def values(form: dict[str, list[str]]) -> list[list[str]]:
    return [value for _, value in questions((TEXT, MANY), form)]


def test_a_new_form_begins_with_the_defaults_and_a_sent_one_with_what_was_sent() -> None:
    assert values({}) == [["because"], ["us", "eu"]]
    assert values({"token": ["t"], "field.reason": ["mine"], "field.regions": ["au"]}) == [["mine"], ["au"]]
    assert values({"token": ["t"]}) == [[""], [""]]
    assert values({"field.reason": ["from the address"]}) == [["from the address"], ["us", "eu"]]


def test_answers_by_key_several_where_several_are_asked_for() -> None:
    form = {"token": ["t"], "then": ["x"], "field.reason": ["a"], "field.regions": ["us"], "field.other": ["1", "2"]}

    assert given((TEXT, MANY), form) == {"reason": "a", "regions": ("us",), "other": ("1", "2")}


def test_what_the_first_step_asks() -> None:
    asking = {"input": "What?", "fields": [{"text": "Reason", "key": "reason"}]}
    found = first_questions(pipeline(asking, {"command": "x"}))

    assert found is not None
    assert (found.prompt, [field.key for field in found.fields]) == ("What?", ["reason"])
    assert first_questions(pipeline({"manual": "Go?", "fields": asking["fields"]})) is not None
    for other in (
        pipeline({"command": "x"}, asking),
        pipeline({"block": "no fields"}),
        pipeline("wait"),
        pipeline(),
        pipeline({"input": "x", "fields": [{"text": "no key"}]}),
        Pipeline(id="p", slug="p", name="p", repository="r", configuration=": not yaml"),
        Pipeline(id="p", slug="p", name="p", repository="r"),
    ):
        assert first_questions(other) is None
