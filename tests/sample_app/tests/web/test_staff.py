from __future__ import annotations

import pytest

from inbox import accounts, comments, outbox, sessions
from inbox.services import Services
from tests.browser import Browser
from tests.clock import Clock

PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def _anna(services: Services) -> None:
    accounts.add(services.database, "Anna", PASSWORD, now=0, cost=services.password_cost)


@pytest.fixture
def staff(browser: Browser) -> Browser:
    assert browser.post("/login", name="Anna", password=PASSWORD).status == 303
    return browser


def dead_letter(services: Services, clock: Clock) -> int:
    draft = comments.draft("Bo", "Where is my parcel?")
    added = comments.add(services.database, draft, now=clock(), release="r", queue="live")
    claim = outbox.claim(services.database, queue="live", now=clock(), lease_for=60)
    assert claim is not None
    outbox.dead(services.database, claim, error="the receiver answered 410")
    return added.id


def test_logging_in_opens_the_outbox(staff: Browser) -> None:
    page = staff.get("/outbox")

    assert page.status == 200
    assert "anna" in page.text
    assert "0 comments on the way, 0 delivered, 0 given up." in page.text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser) -> None:
    cookie = browser.post("/login", name="Anna", password=PASSWORD).headers["Set-Cookie"]

    assert {part.strip() for part in cookie.split(";")[1:]} == {"Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Lax"}


@pytest.mark.parametrize(("name", "password"), [("Anna", "wrong horse"), ("Bo", PASSWORD), ("", ""), ("Anna", "")])
def test_a_wrong_login_says_nothing_about_what_was_wrong(browser: Browser, name: str, password: str) -> None:
    page = browser.post("/login", name=name, password=password)

    assert page.status == 403
    assert "name and password do not belong together" in page.text
    assert "Set-Cookie" not in page.headers


def test_guessing_is_slowed_down(browser: Browser, clock: Clock) -> None:
    """Also the right password has to wait then, under any spelling of the name."""
    for _ in range(3):
        browser.post("/login", name="anna", password="a guess")
    assert browser.post("/login", name="ÁNNA", password=PASSWORD).status == 429

    clock.forward(10)

    assert browser.post("/login", name="Anna", password=PASSWORD).status == 303


@pytest.mark.parametrize("address", ["/outbox", "/outbox/1/revive"])
def test_the_outbox_is_for_staff(browser: Browser, address: str) -> None:
    answer = browser.post(address) if address.endswith("revive") else browser.get(address)

    assert answer.status == 403


def test_a_session_ends_by_itself(staff: Browser, clock: Clock) -> None:
    clock.forward(sessions.LASTS)

    assert staff.get("/outbox").status == 403


def test_logging_out_ends_it(staff: Browser) -> None:
    assert staff.post("/logout").status == 303

    assert staff.get("/outbox").status == 403


def test_a_dead_letter_is_shown_and_sent_again(staff: Browser, services: Services, clock: Clock) -> None:
    number = dead_letter(services, clock)
    assert "the receiver answered 410" in staff.get("/outbox").text

    assert staff.post(f"/outbox/{number}/revive").status == 303

    assert "1 comment on the way" in staff.get("/outbox").text
    assert staff.post(f"/outbox/{number}/revive").status == 409
