"""What a block or input asks, and which answers it takes."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipping.local.engine.fields import answers, read
from shipping.local.engine.kinds import Field, Option
from shipping.local.engine.rejection import Rejection

TEXT = {"text": "Version", "key": "version", "format": r"\d+\.\d+"}
STREAM = {
    "select": "Stream",
    "key": "stream",
    "options": [{"label": "Beta", "value": "beta"}, {"label": "S", "value": 2}],
}
REGIONS = {**STREAM, "key": "regions", "multiple": True, "required": False, "default": ["beta"]}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["(", "a|b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["label", "value", "key"]), inner),
    max_leaves=8,
)
WORDS = ("text", "select", "options", "multiple", "required", "default", "format", "hint")


@settings(max_examples=200)
@given(st.lists(st.fixed_dictionaries({"key": st.just("k")}, optional=dict.fromkeys(WORDS, ANYTHING)), max_size=2))
def test_whatever_is_written_is_read_or_refused(written: Any) -> None:  # noqa: ANN401 - whatever
    """And what was read can be asked."""
    with contextlib.suppress(ValueError):
        found = read(written)
        with contextlib.suppress(Rejection):
            assert set(answers(found, {"k": "a"})) <= {"k"}


def test_fields_are_read_as_they_are_written() -> None:
    """A number is the text that it is written as; a field without a name is called by its key."""
    options = (Option(label="Beta", value="beta"), Option(label="S", value="2"))

    assert read(
        [TEXT, STREAM, REGIONS, {"text": None, "key": "a/b-c_d", "hint": "h", "default": 1, "required": None}]
    ) == (
        Field(kind="text", key="version", label="Version", format=r"\d+\.\d+"),
        Field(kind="select", key="stream", label="Stream", options=options),
        Field(
            kind="select",
            key="regions",
            label="Stream",
            required=False,
            default=("beta",),
            options=options,
            multiple=True,
        ),
        Field(kind="text", key="a/b-c_d", label="a/b-c_d", hint="h", default="1"),
    )


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"text": "x", "key": "x"}, "must be a list"),
        ([{"text": "x"}], "need keys"),
        ([{"text": "x", "key": "a b"}], "need keys"),
        ([{"text": "x", "key": "a"}, {"text": "y", "key": "a"}], "each key once: 'a' comes again"),
        ([{"text": "x", "key": "a", "options": []}], "of kind select have no 'text'"),
        ([{"text": "x", "key": "a", "multiple": True}], "of kind text have no 'multiple'"),
        ([{"text": "x", "key": "a", "requird": True}], "did you mean 'required'?"),
        ([{"text": "x", "key": "a", "format": "("}], "'format' of field 'a' must be a regular expression"),
        ([{"text": "x", "key": "a", "format": "a)|(b"}], "'format' of field 'a' must be a regular expression"),
        ([{"text": "x", "key": "a", "default": ["b"]}], "'default' of field 'a' may be several only where 'multiple'"),
        ([{"text": "x", "key": "a", "hint": 1}], "'hint' of field 'a' must be a string"),
        ([{"text": "x", "key": "a", "required": "maybe"}], "'required' of field 'a' must be true or false"),
        ([{"select": "x", "key": "a"}], "'options' of field 'a' must be a list of at least one"),
        ([{"select": "x", "key": "a", "options": []}], "'options' of field 'a' must be a list of at least one"),
        ([{"select": "x", "key": "a", "options": [{"label": "L"}]}], "'options' of field 'a' need a label and a value"),
    ],
)
def test_fields_that_could_not_be_asked_are_refused(wrong: Any, reason: str) -> None:  # noqa: ANN401 - as YAML holds it
    with pytest.raises(ValueError, match=r".") as caught:
        read(wrong)

    assert reason in str(caught.value)


def test_answers_become_meta_data() -> None:
    """Lines end as on Unix; several values stand in lines, each once; what is left out is there, and empty."""
    given: dict[str, str | tuple[str, ...]] = {"version": "1.2", "stream": "2", "regions": ("beta", "2", "beta")}
    assert answers(read([TEXT, STREAM, REGIONS]), given) == {"version": "1.2", "stream": "2", "regions": "beta\n2"}
    assert answers(read([REGIONS]), {}) == {"regions": ""}
    assert answers(read([{"text": "n", "key": "n"}]), {"n": "a\r\nb\rc"}) == {"n": "a\nb\nc"}
    assert answers(read([{**TEXT, "required": False}]), {"version": ""}) == {"version": ""}


def test_all_that_is_wrong_with_an_answer_is_told_at_once() -> None:
    """A format is for the whole text; a default is what a form begins with, not an answer."""
    asked = read([TEXT, STREAM, {**REGIONS, "required": True}, {"text": "n", "key": "name", "default": "x"}])

    with pytest.raises(Rejection) as caught:
        answers(asked, {"version": "1.2-rc", "stream": "gamma", "regions": ("beta", "3"), "nmae": "y"})

    assert caught.value.status == 422
    assert caught.value.message.splitlines() == [
        "field 'nmae' is not asked for; did you mean 'name'?",
        r"field 'version' must match '\\d+\\.\\d+', and '1.2-rc' does not",
        "field 'stream' must be one of beta, 2, not 'gamma'",
        "field 'regions' must be one of beta, 2, not '3'",
        "field 'name' is required",
    ]


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("[0-9a-f]+", "0f", "0fg"),
        ("a|b", "b", "ab"),
        ("^v[0-9]+$", "v12", "xv12"),
        (r"\d{4}-\d{2}", "2026-11", "2026-1"),
        ("(a+)+", "a" * 100, "a" * 5000 + "!"),
    ],
)
def test_a_format_is_for_the_whole_answer(pattern: str, yes: str, no: str) -> None:
    """However it is written: none can keep the server busy."""
    asked = read([{"text": "x", "key": "x", "format": pattern}])

    assert answers(asked, {"x": yes}) == {"x": yes}
    with pytest.raises(Rejection, match="must match"):
        answers(asked, {"x": no})


@pytest.mark.parametrize(
    ("field", "answer", "reason"),
    [
        (STREAM, ("beta", "2"), "takes one value, not 2"),
        (STREAM, "", "is required"),
        ({**REGIONS, "required": True}, (), "is required"),
        ({"text": "n", "key": "stream"}, "x" * (100 * 1024 + 1), "is longer than 102400 bytes"),
        # A format that would keep a backtracking engine busy for ever.
        ({"text": "n", "key": "stream", "format": "(a+)+"}, "a" * 10_000 + "!", "must match"),
    ],
)
def test_answers_that_are_refused(field: dict[str, Any], answer: str | tuple[str, ...], reason: str) -> None:
    with pytest.raises(Rejection) as caught:
        answers(read([field]), {field["key"]: answer})

    assert reason in caught.value.message
