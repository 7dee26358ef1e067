from __future__ import annotations

import pytest

from inbox import comments
from inbox.services import Services
from tests.browser import Browser


def test_an_empty_inbox_says_so(browser: Browser) -> None:
    page = browser.get("/")

    assert page.status == 200
    assert "No comments yet." in page.text


def test_a_comment_can_be_written_and_read(browser: Browser) -> None:
    written = browser.post("/comments", author="Anna", body="It is **great**")
    assert written.status == 303

    page = browser.get(written.headers["Location"])

    assert "It is <strong>great</strong>" in page.text
    assert "On its way." in page.text


def test_a_comment_carries_its_release_and_queue(browser: Browser, services: Services) -> None:
    browser.post("/comments", author="Anna", body="hello")

    assert comments.created_by_release(services.database) == {"c0ffee": 1}


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(browser: Browser) -> None:
    page = browser.post("/comments", author="", body='say "hello"')

    assert page.status == 400
    assert "Your name is missing." in page.text
    assert "say &#34;hello&#34;" in page.text


def test_the_list_begins_with_the_newest_and_goes_on(browser: Browser, letters: list[dict[str, str]]) -> None:
    for letter in letters:
        browser.post("/comments", **letter)

    first = browser.get("/")
    following = first.text.split('rel="next" href="')[1].split('"')[0]
    second = browser.get(following)

    assert "Xavier" in first.text
    assert "Anna Lindqvist" not in first.text
    assert "Nils" in second.text
    assert "Xavier" not in second.text


def test_searching_keeps_the_query_on_every_page(browser: Browser) -> None:
    for number in range(12):
        browser.post("/comments", author="Anna", body=f"R&D {number}")
    browser.post("/comments", author="Bo", body="something else")

    page = browser.get("/?q=r%26d")
    following = page.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = browser.get(following)

    assert 'value="r&amp;d"' in page.text
    assert second.text.count("<article>") == 2
    assert "something else" not in page.text + second.text


def test_a_search_without_result_says_so(browser: Browser) -> None:
    assert "Nothing found." in browser.get("/?q=unicorn").text


def test_hostile_letters_stay_text(browser: Browser, letters: list[dict[str, str]]) -> None:
    """On the list and on their own page."""
    addresses = [browser.post("/comments", **letter).headers["Location"] for letter in letters]

    pages = [browser.get(address).text for address in addresses] + [browser.get("/").text]

    assert [page for page in pages if "<script>" in page or "<b>bold" in page] == []


def test_who_writes_too_fast_is_asked_to_wait(browser: Browser) -> None:
    for number in range(50):
        assert browser.post("/comments", author="Anna", body=str(number)).status == 303

    page = browser.post("/comments", author="Anna", body="not lost")

    assert page.status == 429
    assert "not lost" in page.text


@pytest.mark.parametrize("address", ["/comments/1", "/comments/999999999999999999", "/nothing"])
def test_what_is_not_there_is_404(browser: Browser, address: str) -> None:
    page = browser.get(address)

    assert page.status == 404
    assert "404 Not Found" in page.text


def test_a_forged_cursor_is_400(browser: Browser) -> None:
    assert browser.get("/?after=forged").status == 400


@pytest.mark.parametrize(("origin", "status"), [("http://127.0.0.1", 303), ("http://evil.test", 403), ("null", 403)])
def test_a_form_from_another_site_is_refused(browser: Browser, origin: str, status: int) -> None:
    browser.headers = {"Origin": origin, "Host": "127.0.0.1"}

    assert browser.post("/comments", author="Anna", body="hello").status == status
