"""The page as a person has it before them: a real browser, mostly by keyboard, while an agent of plain HTTP does the work."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shipping.local.control import running
from shipping.local.server.plane import Pace
from tests.e2e.browser import Browser, Page, started
from tests.integration.local.clients import FakeAgent, Rest
from tests.shipping.local.hosts.site import open_site, publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shipping.local.control import ControlInfo

BUILD = "/local/inbox/builds/1"
FIELDS = [
    {"text": "Reason", "key": "reason"},
    {"text": "Ticket", "key": "ticket", "format": "[A-Z]+-[0-9]+", "required": False},
    {"select": "Action", "key": "action", "options": [{"label": "Back", "value": "b"}, {"label": "On", "value": "o"}]},
    {
        "select": "Regions",
        "key": "regions",
        "multiple": True,
        "options": [{"label": "Europe", "value": "eu"}, {"label": "Australia", "value": "au"}],
        "default": ["eu"],
    },
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    profile = Path(tempfile.mkdtemp(prefix="ship-browser-"))
    with started(profile) as found:
        yield found
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlInfo]:
    # The agent of these tests has no heartbeat.
    with running(tmp_path / "state", pace=Pace(lost_after=600)) as info:
        yield info


@pytest.fixture
def rest(control: ControlInfo) -> Rest:
    return Rest(control)


@pytest.fixture
def agent(control: ControlInfo) -> FakeAgent:
    return FakeAgent.register(control)


@pytest.fixture
def page(browser: Browser, control: ControlInfo) -> Iterator[Page]:
    """A page that nothing may be wrong with: no error on the console, no violation of the policy, no failed load."""
    # It is left before the server stops.
    del control
    found = browser.page()
    yield found
    assert found.complaints() == []
    found.close()


def says(page: Page, selector: str, text: str) -> None:
    """Wait until the page says so."""
    page.until(f"(document.querySelector({selector!r})?.innerText ?? '').includes({text!r})")


def test_a_build_turns_green_before_ones_eyes(page: Page, rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """Nothing is loaded again: states, times, annotations, artifacts and meta-data come by themselves, and are said aloud."""
    rest.start({"key": "a", "label": "first", "command": "x"}, {"key": "b", "label": "second", "command": "y"})
    page.open(control.url + BUILD)
    page.ask("window.loadedOnce = true")
    says(page, "#banner", "Scheduled")
    work = agent.begin()
    says(page, "#banner", "Running")
    page.until("document.querySelector('#steps [data-ticks]') !== null")
    before = page.text("#steps [data-ticks]")
    page.until(f"document.querySelector('#steps [data-ticks]').textContent !== {before!r}")
    work.call("POST", "/annotations", {"body": "**All** is well", "style": "success"})
    says(page, "#annotations", "All is well")
    work.call("POST", "/data/set", {"key": "the-key", "value": "the value"})
    says(page, "#meta-data", "the value")
    work.keep("report.txt", b"x")
    says(page, "#artifacts", "report.txt")
    work.finish(0)
    agent.begin().finish(0)
    says(page, "#banner", "Passed")
    page.until("document.title === 'passed: inbox #1'")

    assert page.text("#said") == "Build passed"
    assert page.text("#steps").count("Passed") == 2
    assert page.ask("window.loadedOnce") is True


def test_new_steps_appear_and_what_was_shut_stays_shut(
    page: Page, rest: Rest, agent: FakeAgent, control: ControlInfo
) -> None:
    rest.start(
        {"key": "plan", "label": "plan", "command": "x"},
        {"group": "Tests", "steps": [{"label": "shard %n", "command": "y", "parallelism": 3}]},
    )
    page.open(control.url + BUILD)
    page.tab_to(lambda name: name.startswith("Tests") and "0 of 3" in name)
    page.press("Enter")
    page.until("document.querySelector('#steps .group > details').open === false")
    work = agent.begin()
    work.upload({"key": "more", "label": "uploaded", "command": "z"})
    says(page, "#steps", "uploaded")

    assert page.ask("document.querySelector('#steps .group > details').open") is False
    assert page.focused().startswith("Tests")
    work.finish(0)


def test_unblock_with_answers_by_keyboard_alone(page: Page, rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """A wrong answer is said in the dialog and the others stay; then the build goes on."""
    rest.start(
        {"block": "Release", "key": "go", "prompt": "Sure?", "fields": FIELDS},
        {"key": "ship", "label": "ship it", "command": "x"},
    )
    page.open(control.url + BUILD)
    page.tab_to(lambda name: name == "Unblock Release")
    page.press("Enter")
    page.until("document.getElementById('dialog').open")
    assert page.focused() == "Reason"

    page.type("a fix")
    page.press("Tab")
    page.type("wrong")
    page.press("Tab")
    page.press("Down")
    page.tab_to(lambda name: name == "Australia")
    page.press("Space")
    page.tab_to(lambda name: name == "Continue")
    page.press("Enter")
    says(page, "#dialog [role=alert]", "must match")
    (complaint,) = page.complaints()
    assert "422" in complaint
    page.forgive()

    assert page.ask("document.getElementById('field-reason').value") == "a fix"
    page.tab_to(lambda name: name.startswith("Ticket"))
    page.ask("document.activeElement.select()")
    page.type("OPS-7")
    page.press("Enter")
    page.until("!document.getElementById('dialog').open")
    says(page, "#steps", "Unblocked")
    told = rest.read()
    assert told["meta_data"] == {"reason": "a fix", "ticket": "OPS-7", "action": "b", "regions": "eu\nau"}
    agent.begin().finish(0)
    says(page, "#banner", "Passed")


def test_a_dialog_is_left_by_escape_and_gives_the_focus_back(page: Page, rest: Rest, control: ControlInfo) -> None:
    rest.start({"block": "Release", "key": "go", "fields": FIELDS})
    page.open(control.url + BUILD)
    page.tab_to(lambda name: name == "Unblock Release")
    page.press("Enter")
    page.until("document.getElementById('dialog').open")
    page.press("Escape")
    page.until("!document.getElementById('dialog').open")

    assert page.focused() == "Unblock Release"
    assert rest.read()["blocked"] is True


def test_retry_and_cancel_by_keyboard(page: Page, rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """The page stays where it is; the attempt before can be unfolded."""
    rest.start({"key": "a", "label": "flaky", "command": "x"}, {"key": "b", "label": "other", "command": "y"})
    agent.begin().finish(1)
    page.open(control.url + BUILD)
    page.tab_to(lambda name: name == "Retry flaky")
    page.press("Enter")
    says(page, "#steps", "attempt 2")
    says(page, "#steps", "1 earlier attempt")
    page.tab_to(lambda name: name == "Cancel other")
    page.press("Enter")
    says(page, "#steps", "Canceled")
    work = agent.begin()
    says(page, "#steps", "Running")

    assert work.env["BUILDKITE_RETRY_COUNT"] == "1"
    assert page.ask("location.pathname") == BUILD
    work.finish(0)
    says(page, "#banner", "Failed")


def test_new_build_by_keyboard(page: Page, rest: Rest, control: ControlInfo) -> None:
    """It asks what the first step asks, and leads to the build."""
    rest.pipeline({"input": "What is to be done?", "key": "ask", "fields": FIELDS}, {"key": "a", "command": "x"})
    page.open(f"{control.url}/local/inbox")
    page.tab_to(lambda name: name == "New Build")
    page.press("Enter")
    page.until("document.getElementById('dialog').open")
    assert page.focused().startswith("Message")

    page.type("By hand")
    page.tab_to(lambda name: name == "Reason")
    page.type("because")
    page.tab_to(lambda name: name == "Action")
    page.press("Down")
    page.tab_to(lambda name: name == "Create Build")
    page.press("Enter")
    page.until(f"location.pathname === {BUILD!r}")
    says(page, "#banner", "By hand")
    assert rest.read()["meta_data"]["reason"] == "because"


def test_all_of_it_works_without_script(page: Page, rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """Links lead to pages where dialogs would open, buttons send their forms, and what runs loads itself again."""
    rest.start(
        {"block": "Release", "key": "go", "fields": FIELDS[:1]}, {"key": "a", "label": "ship it", "command": "x"}
    )
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(control.url + BUILD)
    page.tab_to(lambda name: name == "Unblock Release")
    page.press("Enter")
    page.until("location.pathname.endsWith('/unblock') && document.readyState === 'complete'")
    page.tab_to(lambda name: name == "Reason")
    page.type("by hand")
    page.press("Enter")
    page.until(f"location.pathname === {BUILD!r}")
    says(page, "#steps", "Unblocked")
    agent.begin().finish(1)
    says(page, "#banner", "Failed")
    page.tab_to(lambda name: name == "Retry ship it")
    page.press("Enter")
    says(page, "#steps", "attempt 2")

    assert rest.read()["meta_data"] == {"reason": "by hand"}
    agent.begin().finish(0)
    says(page, "#banner", "Passed")


def test_pipelines_and_lists_are_live(page: Page, rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    page.open(f"{control.url}/")
    says(page, "#pipelines", "No pipelines yet")
    rest.start({"key": "a", "command": "x"}, message="The first")
    says(page, "#pipelines", "The first")
    agent.begin().finish(0)
    page.until("document.querySelector('#pipelines .strip a.good') !== null")
    page.open(f"{control.url}/agents")
    says(page, "#agents", "idle")
    agent.call("POST", "/disconnect")
    says(page, "#agents", "No agent is connected")


def test_hosts_come_and_roll_before_ones_eyes(page: Page, control: ControlInfo, tmp_path: Path) -> None:
    """Found from the list of pipelines by keyboard; what serves, a roll that fails and why, a daemon that died."""
    state = tmp_path / "state"
    with open_site(state, "us-1") as one, open_site(state, "us-2") as two:
        publish(state, one, two)
        one.remember("complete")
        page.open(f"{control.url}/")
        says(page, "#regions", "inbox in us")
        says(page, "#regions", "1 of 2 hosts: nothing yet")
        page.tab_to(lambda name: name == "inbox in us")
        page.press("Enter")
        page.until("location.pathname === '/hosts' && location.hash === '#inbox-us'")
        says(page, "#hosts", "us-1")
        two.remember("triggered", serves=None)
        says(page, "#hosts", "Rolling")
        two.start("sleep", "600")
        page.until(
            "document.querySelector('#hosts .groups .good')?.textContent.includes('worker aaaaaaaaaa serving') === true"
        )
        two.remember("triggered", "failed", why="it does not boot")
        says(page, "#hosts", "it does not boot")
        page.tab_to(lambda name: name == "web 127.0.0.1:20001")
        publish(state, one, two, pid=None)
        says(page, "#hosts", "No daemon")


def test_a_log_is_followed(page: Page, rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """It grows without being drawn again, each line once; who scrolls up is left alone."""
    rest.start({"key": "a", "label": "job", "command": "x"})
    work = agent.begin()
    work.log(1, "--- setup\n" + "".join(f"quiet {number}\n" for number in range(50)))
    page.open(f"{control.url}{BUILD}/jobs/{work.id}")
    page.ask("document.querySelector('#log .section').mark = 'the same'")
    work.log(2, "+++ tests\n" + "".join(f"\x1b[32mline {number}\x1b[0m\n" for number in range(300)) + "half a li")
    says(page, "#log", "half a li")
    work.log(3, "ne\nthe end\n")
    says(page, "#log", "the end")

    assert page.ask("document.querySelector('#log .section').mark") == "the same"
    numbers = "[...document.querySelectorAll('#log .l')].map(line => line.querySelector('.n').textContent)"
    assert page.ask(numbers) == [str(number) for number in [*range(2, 52), *range(53, 355)]]
    page.until("[...document.querySelectorAll('#log .l')].at(-1).getBoundingClientRect().bottom <= innerHeight")

    page.ask("scrollTo(0, 0)")
    page.until("document.getElementById('follow').checked === false")
    work.log(4, "".join(f"more {number}\n" for number in range(100)))
    says(page, "#log", "more 99")
    assert page.ask("scrollY") == 0
    work.finish(0)
    says(page, "#job", "Passed")


def test_a_line_has_a_link(page: Page, rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """Also one in a folded section, and one in the part of a long log that is not shown."""
    rest.start({"key": "a", "command": "x"})
    work = agent.begin()
    work.log(1, "--- folded\nhidden\n+++ open\n")
    for sequence in range(2, 12):
        work.log(sequence, f"piece {sequence}\n" + "x" * 99_000 + "\n")
    work.finish(0)
    job = f"{control.url}{BUILD}/jobs/{work.id}"
    page.open(job)
    assert "piece 11" in page.text("#log")
    assert "hidden" not in page.text("#log")

    page.ask("location.hash = '#L2'")
    page.until("location.search === '?line=2' && document.querySelector('#L2:target') !== null")
    page.until("document.querySelector('#L2').closest('details').open")
    says(page, "#L2", "hidden")


def test_the_server_goes_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    """The page waits for it, and shows what happened meanwhile. (That it does not answer is on the console, rightly.)"""
    page = browser.page()
    with running(tmp_path / "state") as control:
        rest = Rest(control)
        rest.start({"key": "a", "label": "job", "command": "x"})
        agent = FakeAgent.register(control)
        work = agent.begin()
        page.open(control.url + BUILD)
        says(page, "#banner", "Running")
        port = int(control.url.rpartition(":")[2])
    with running(tmp_path / "state", port=port):
        work.finish(0)
        says(page, "#banner", "Passed")
        complaints = page.complaints()
        page.close()

    assert [one for one in complaints if "ERR_CONNECTION_REFUSED" not in one and "EventSource" not in one] == []


def test_nothing_moves_for_who_does_not_want_it(page: Page, rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    rest.start({"key": "a", "command": "x"})
    agent.begin()
    page.open(control.url + BUILD)
    turning = "getComputedStyle(document.querySelector('.icon.busy .turn')).animationName"
    assert page.ask(turning) == "turn"
    page.scheme("light", motion=False)

    assert page.ask(turning) == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_can_be_read(
    browser: Browser, rest: Rest, agent: FakeAgent, control: ControlInfo, scheme: str, tmp_path: Path
) -> None:
    """At 360 pixels nothing stands out of the page; all text has the contrast that WCAG AA asks for; all has a name."""
    rest.pipeline({"input": "Ask", "key": "ask", "fields": FIELDS}, slug="asking")
    rest.start(
        {"key": "a", "label": "a", "command": "x", "retry": {"automatic": {"limit": 1}}},
        {"group": "Tests", "steps": [{"label": "shard %n", "command": "a-very-long-command " * 9, "parallelism": 3}]},
        {"key": "soft", "command": "y", "soft_fail": True, "label": "a-label-without-any-space-in-it" * 4},
        {"block": "Release", "key": "go", "fields": FIELDS, "depends_on": None},
        {"key": "never", "command": "z", "depends_on": "a"},
        message="a-very-long-message-without-any-space-in-it" * 4,
        branch="topic/" + "long-" * 20,
    )
    work = agent.begin()
    work.call("POST", "/annotations", {"body": "| a | b |\n|---|---|\n| `" + "x" * 200 + "` | c |", "style": "warning"})
    work.log(1, "--- folded\n\x1b[90mgrey\x1b[0m \x1b[41mred\x1b[0m\n+++ open\n" + "x" * 300 + "\n")
    work.keep("a/very/long/path/" + "x" * 90, b"x")
    work.finish(1)
    agent.begin()
    go = next(job["id"] for job in rest.read()["jobs"] if job["step_key"] == "go")
    with open_site(tmp_path / "state", "a-name-without-any-space-in-it-" * 2) as site:
        site.start("true")
        site.remember("failed", why="it does not boot " * 40)
        publish(tmp_path / "state", site)
    narrow, wide = browser.page(width=360, height=740, scheme=scheme), browser.page(scheme=scheme)
    for path in (
        "/",
        "/builds",
        "/agents",
        "/hosts",
        "/local/inbox",
        BUILD,
        f"{BUILD}/jobs/{work.id}",
        f"{BUILD}/jobs/{go}",
        f"{BUILD}/jobs/{go}/unblock",
        "/local/asking/builds/new",
    ):
        narrow.open(control.url + path)
        assert narrow.ask("document.documentElement.scrollWidth") == 360, path
        for page in (narrow, wide):
            page.open(control.url + path)
            assert page.ask(FAINT) == [], path
            assert page.ask(NAMELESS) == [], path
    assert narrow.complaints() + wide.complaints() == []
    narrow.close()
    wide.close()


FAINT = """(() => {
  const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const over = (top, below) => below.slice(0, 3).map((v, i) => top[i] * (top[3] ?? 1) + v * (1 - (top[3] ?? 1)));
  const ground = element => {
    const own = numbers(getComputedStyle(element).backgroundColor);
    if ((own[3] ?? 1) === 1) return own;
    return over(own, element.parentElement ? ground(element.parentElement) : [255, 255, 255]);
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility() || element.closest('.skip, .unseen, option')) continue;
    const below = ground(element);
    let ink = over(numbers(getComputedStyle(element).color), below);
    for (let at = element; at; at = at.parentElement) ink = over([...ink, Number(getComputedStyle(at).opacity)], below);
    const [high, low] = [light(ink), light(below)].sort((a, b) => b - a);
    const ratio = (high + .05) / (low + .05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${walk.currentNode.data.trim().slice(0, 30)} .${element.className}`);
  }
  return faint;
})()"""
"""Text whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3)."""

NAMELESS = """[...document.querySelectorAll(
  'a[href], button, input:not([type=hidden]), select, textarea, summary, nav, dialog')]
  .filter(e => !(e.getAttribute('aria-label') || e.innerText?.trim() || e.textContent.trim() || e.labels?.length))
  .map(e => e.outerHTML.slice(0, 120))"""
