"""What people see, and what they must never be shown."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

from tests.integration.local.clients import FakeAgent, call

if TYPE_CHECKING:
    from shipping.local.control import ControlInfo
    from tests.integration.local.clients import Rest

EVIL = '<script>alert(1)</script><img src=x onerror="alert(1)">'


class Dangers(HTMLParser):
    """Reads a page as a browser does, and collects what could act."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.dangers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += 1
        self.dangers += [f"{name}={value}" for name, value in attrs if name.startswith("on")]
        self.dangers += [f"{name}={value}" for name, value in attrs if (value or "").startswith("javascript:")]
        self.dangers += [tag] * (tag in ("script", "img", "iframe", "form", "object"))


def page(info: ControlInfo, path: str, status: int = 200) -> str:
    answer = call(info, "GET", path)
    assert answer.status == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    return answer.raw.decode()


def test_no_builds_yet(control: ControlInfo) -> None:
    """An empty house says what to do."""
    shown = page(control, "/")

    assert "No builds yet" in shown
    assert 'http-equiv="refresh"' not in shown


def test_a_build_with_its_steps(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """States, shares, attempts, reasons, groups; it reloads while the build runs and not after."""
    build = rest.start(
        {"group": "Tests", "steps": [{"key": "a", "label": "part", "command": "x", "parallelism": 2}]},
        {"key": "b", "label": "again", "command": "y", "retry": {"automatic": True}},
        "wait",
        {"key": "c", "label": "after", "command": "z"},
        {"key": "d", "label": "elsewhere", "command": "z", "depends_on": None, "agents": {"queue": "big"}},
    )
    for exit_status in (0, 1, 2, 0):
        agent.begin().finish(exit_status)
    path = build["web_url"].removeprefix(control.url)
    assert path == "/local/inbox/builds/1"
    shown = page(control, path)

    assert "<title>failing: inbox #1</title>" in shown
    for words in ("Tests", "1 of 2", "2 of 2", "attempt 2", "waiting failed", "no agent is connected with queue=big"):
        assert words in shown
    assert 'http-equiv="refresh"' in shown
    rest.call("PUT", "/pipelines/inbox/builds/1/cancel")
    assert 'http-equiv="refresh"' not in page(control, path)
    assert path in page(control, "/")
    assert path in page(control, "/local/inbox")


def test_nothing_a_job_says_becomes_a_script(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """Names, messages, logs, annotations, meta-data, artifacts: text, wherever they are shown."""
    rest.start({"key": "a", "label": EVIL, "command": EVIL}, message=EVIL, branch=EVIL, author={"name": EVIL})
    work = agent.begin()
    work.call("POST", "/annotations", {"body": f"**bold** {EVIL} [x](javascript:alert(1))", "context": EVIL})
    work.call("POST", "/data/set", {"key": EVIL, "value": EVIL})
    work.keep(EVIL, b"x")
    work.log(1, f"--- {EVIL}\n{EVIL}\n\x1b[31m{EVIL}\x1b[0m\x1b]8;;javascript:alert(1)\x07link\n")
    job = f"/local/inbox/builds/1/jobs/{work.id}"
    FakeAgent.register(control, f"tag={EVIL}", name=EVIL)

    for path in ("/", "/local/inbox", "/local/inbox/builds/1", job, "/agents", f"/local/{EVIL.replace('/', '')}"):
        shown = call(control, "GET", path.replace(" ", "%20").replace('"', "%22")).raw.decode()
        found = Dangers()
        found.feed(shown)
        assert (found.seen > 10, found.dangers) == (True, [])
    assert "<strong>bold</strong>" in page(control, "/local/inbox/builds/1")


def test_a_log_has_sections_colours_and_no_marks(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """What a carriage return wrote over is gone, as on a terminal; the text is one click away."""
    rest.start({"key": "a", "command": "x"})
    work = agent.begin()
    work.log(
        1,
        "\x1b_bk;t=1700000000000\x07~~~ Preparing\nquiet\n+++ Tests\n10%\r100%\r\n\x1b[1;31mred\x1b[0m\n--- End\nlast\n",
    )
    job = f"/local/inbox/builds/1/jobs/{work.id}"

    shown = page(control, job)

    assert "<details><summary>Preparing</summary><pre>quiet</pre></details>" in shown
    assert '<details open><summary>Tests</summary><pre>100%\n<span class="bold fg1">red</span></pre>' in shown
    assert "<details open><summary>End</summary>" in shown
    text = call(control, "GET", f"{job}/log")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.raw.startswith(b"~~~ Preparing\nquiet\n")


def test_a_long_log_shows_its_end(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    rest.start({"key": "a", "command": "x"})
    work = agent.begin()
    for sequence in range(1, 11):
        work.log(sequence, f"piece {sequence}\n" + "x" * 100_000 + "\n")
    job = f"/local/inbox/builds/1/jobs/{work.id}"

    shown = page(control, job)

    assert "This is the end of a long log" in shown
    assert ("piece 10" in shown, "piece 1\n" in shown) == (True, False)
    assert b"piece 1\n" in call(control, "GET", f"{job}/log").raw


def test_agents_and_what_they_do(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    rest.start({"key": "a", "label": "the job", "command": "x"})
    assert "idle" in page(control, "/agents")
    work = agent.begin()

    assert f'<a href="/local/inbox/builds/1/jobs/{work.id}">the job</a>' in page(control, "/agents")


def test_what_is_not_there_is_a_page_too(control: ControlInfo) -> None:
    for path in ("/local/none", "/local/none/builds/1", "/acme/inbox/builds/1", "/a/b/c/d/e/f"):
        assert "Not here" in page(control, path, 404)


def test_the_stylesheet(control: ControlInfo) -> None:
    answer = call(control, "GET", "/style.css")

    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert b"prefers-color-scheme: dark" in answer.raw
