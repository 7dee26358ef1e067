from __future__ import annotations

import sqlite3

import pytest

from inbox import outbox
from inbox.services import Services
from tests.browser import Browser
from tests.clock import Clock


def test_a_comment_is_created(browser: Browser) -> None:
    answer = browser.post_json("/api/comments", {"author": " Chloé ", "body": "Où ?"})

    assert answer.status == 201
    assert answer.headers["Location"] == "/api/comments/1"
    assert answer.json == {
        "id": 1,
        "author": "Chloé",
        "body": "Où ?",
        "created_at": "2024-05-17T09:30:00+00:00",
        "delivery": "queued",
    }


def test_a_comment_is_found_where_it_was_said_to_be(browser: Browser) -> None:
    created = browser.post_json("/api/comments", {"author": "Anna", "body": "hello"})

    assert browser.get(created.headers["Location"]).json == created.json


def test_a_comment_tells_when_it_was_delivered(browser: Browser, services: Services, clock: Clock) -> None:
    browser.post_json("/api/comments", {"author": "Anna", "body": "hello"})
    claim = outbox.claim(services.database, queue="live", now=clock(), lease_for=60)
    assert claim is not None
    outbox.sent(services.database, claim, now=clock())

    assert browser.get("/api/comments/1").json["delivery"] == "sent"


def test_an_invalid_comment_names_every_fault(browser: Browser) -> None:
    answer = browser.post_json("/api/comments", {"author": 5})

    assert answer.status == 422
    assert answer.json == {"error": "invalid", "faults": {"author": "is missing", "body": "is missing"}}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"author=Anna"])
def test_a_body_that_is_not_json_is_400(browser: Browser, body: bytes) -> None:
    answer = browser.send("POST", "/api/comments", body, "application/json")

    assert answer.status == 400
    assert "JSON" in answer.json["error"]


def test_the_list_is_paged_to_its_end(browser: Browser) -> None:
    for number in range(7):
        browser.post_json("/api/comments", {"author": "Anna", "body": str(number)})
    seen: list[str] = []
    address = "/api/comments?size=3"
    for _ in range(3):
        page = browser.get(address).json
        seen += [comment["body"] for comment in page["comments"]]
        address = f"/api/comments?size=3&after={page['next']}"

    assert seen == ["6", "5", "4", "3", "2", "1", "0"]
    assert page["next"] is None


def test_the_list_can_be_searched(browser: Browser, letters: list[dict[str, str]]) -> None:
    for letter in letters:
        browser.post_json("/api/comments", letter)

    found = browser.get("/api/comments?q=%22order+4711%22+-charged").json["comments"]

    assert [comment["author"] for comment in found] == ["Tamar"]


@pytest.mark.parametrize(
    ("address", "status"), [("/api/comments?after=x", 400), ("/api/comments/9", 404), ("/api/nothing", 404)]
)
def test_errors_are_json_too(browser: Browser, address: str, status: int) -> None:
    answer = browser.get(address)

    assert (answer.status, list(answer.json)) == (status, ["error"])


def test_a_wrong_method_is_405(browser: Browser) -> None:
    answer = browser.send("DELETE", "/api/comments")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


def test_too_many_comments_are_told_when_to_return(browser: Browser, clock: Clock) -> None:
    sent = [browser.post_json("/api/comments", {"author": "A", "body": str(n)}) for n in range(51)]
    assert [answer.status for answer in sent] == [201] * 50 + [429]
    assert sent[-1].headers["Retry-After"] == "1"

    clock.forward(1)

    assert browser.post_json("/api/comments", {"author": "A", "body": "again"}).status == 201


def test_a_ready_process_says_so(browser: Browser) -> None:
    assert (browser.get("/readyz").status, browser.get("/readyz").text) == (200, "ready\n")


def test_an_old_schema_is_not_ready(browser: Browser, services: Services) -> None:
    with services.database.writing() as connection:
        connection.execute("PRAGMA user_version = 1")

    answer = browser.get("/readyz")

    assert answer.status == 503
    assert "python -m inbox.migrate expand" in answer.text


def test_a_database_that_does_not_answer_is_not_ready(
    browser: Browser, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(services.database, "reading", refuse)

    assert browser.get("/readyz").status == 503


def test_the_version_is_the_commit(browser: Browser) -> None:
    assert browser.get("/version").text == "c0ffee\n"


def test_metrics_count_comments_by_release(browser: Browser) -> None:
    """The heartbeat: what customers do, by environment and release."""
    for number in range(3):
        browser.post_json("/api/comments", {"author": "Anna", "body": str(number)})

    assert browser.get("/metrics").text.splitlines() == [
        "# TYPE inbox_comments_created_total counter",
        'inbox_comments_created_total{environment="eu",release="c0ffee"} 3',
        "# TYPE inbox_outbox_deliveries gauge",
        'inbox_outbox_deliveries{environment="eu",state="queued"} 3',
        'inbox_outbox_deliveries{environment="eu",state="sent"} 0',
        'inbox_outbox_deliveries{environment="eu",state="dead"} 0',
    ]
