from __future__ import annotations

import threading

import pytest

from inbox import services as assembly
from inbox.application import SECURITY, Application
from inbox.services import Services
from inbox.settings import Settings
from tests.browser import Browser


@pytest.mark.parametrize("address", ["/", "/nothing", "/api/comments", "/version", "/login"])
def test_every_answer_has_the_security_headers(browser: Browser, address: str) -> None:
    headers = browser.get(address).headers

    assert {name: headers[name] for name, _ in SECURITY} == dict(SECURITY)


def test_head_is_get_without_a_body(browser: Browser) -> None:
    got, head = browser.get("/login"), browser.send("HEAD", "/login")

    assert head.body == b""
    assert head.headers == got.headers
    assert head.headers["Content-Length"] == str(len(got.body))


@pytest.mark.parametrize(
    ("address", "kind"), [("/", "text/html; charset=utf-8"), ("/api/comments", "application/json")]
)
def test_an_unforeseen_error_is_logged_and_not_shown(
    browser: Browser, services: Services, address: str, kind: str
) -> None:
    with services.database.writing() as connection:
        connection.execute("ALTER TABLE comments RENAME TO hidden")

    answer = browser.get(address)

    assert (answer.status, answer.headers["Content-Type"]) == (500, kind)
    assert "no such table: comments" in answer.log
    assert "no such table" not in answer.text


def test_assembling_touches_nothing(tmp_path: object) -> None:
    """The server imports the application before it forks: no file, no connection until the first request."""
    built = assembly.build(Settings(database=tmp_path / "inbox.sqlite3", comments_per_minute=2))  # type: ignore[operator]

    Application(built)

    assert not built.settings.database.exists()
    assert [built.comments.wait_for("x") > 0 for _ in range(3)] == [False, False, True]


def test_many_customers_write_at_once(services: Services) -> None:
    """Ten threads, as the server has them, with five comments each."""
    application = Application(services)
    statuses: list[int] = []

    def customer(number: int) -> None:
        browser = Browser(application)
        for turn in range(5):
            answer = browser.post_json("/api/comments", {"author": f"c{number}", "body": f"b{turn}"})
            statuses.append(answer.status)

    threads = [threading.Thread(target=customer, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [201] * 50
    numbers = [comment["id"] for comment in Browser(application).get("/api/comments?size=100").json["comments"]]
    assert sorted(numbers) == list(range(1, 51))


def test_the_pages_scripts_are_served_and_their_tests_are_not(browser: Browser) -> None:
    script, its_test = browser.get("/web/page.js"), browser.get("/web/tests/page.test.js")

    assert (script.status, script.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert '<script type="module" src="/web/page.js">' in browser.get("/").body.decode()
    assert its_test.status == 404
