from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from inbox import rendering
from inbox.comments import Comment
from inbox.outbox import Status


def comment(body: str, author: str = "Anna") -> Comment:
    return Comment(id=7, author=author, body=body, created_at=1_715_938_200.0, release=None)


def test_every_template_compiles() -> None:
    assert set(rendering.check()) == {
        "base.html",
        "comment.html",
        "error.html",
        "listing.html",
        "login.html",
        "outbox.html",
    }


def test_a_comment_is_shown_with_its_markup() -> None:
    page = rendering.render(
        "comment.html", person=None, comment=comment("**now**"), status=Status(state="sent", attempts=1, error=None)
    )

    assert "<p><strong>now</strong></p>" in page
    assert "2024-05-17 09:30 UTC" in page
    assert "Delivered." in page


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (Status(state="queued", attempts=0, error=None), "On its way."),
        (Status(state="queued", attempts=1, error="x"), "On its way, after 1 attempt."),
        (Status(state="dead", attempts=8, error="x"), "Could not be delivered."),
    ],
)
def test_a_comment_says_where_it_is(status: Status, said: str) -> None:
    assert said in rendering.render("comment.html", person=None, comment=comment("x"), status=status)


def test_names_are_escaped_everywhere() -> None:
    page = rendering.render(
        "comment.html",
        person="<i>me</i>",
        comment=comment("x", author="<b>Anna</b>"),
        status=Status(state="sent", attempts=1, error=None),
    )

    assert "<b>Anna" not in page
    assert "<i>me" not in page


def test_a_value_that_is_not_given_is_an_error() -> None:
    """A page with a hole in it is not sent."""
    with pytest.raises(UndefinedError):
        rendering.render("comment.html", person=None)
