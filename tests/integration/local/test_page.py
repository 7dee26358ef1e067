"""What people see, and what they must never be shown."""

from __future__ import annotations

import json
import re
import time
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from tests.integration.local.clients import FakeAgent, call

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self.dangers += [tag] * (tag in ("img", "iframe", "object", "base", "style"))
        told = dict(attrs)
        self.dangers += [f"script {told}"] * (tag == "script" and told != {"type": "module", "src": "/page.js"})
        self.dangers += [f"form {told}"] * (tag == "form" and not (told.get("action") or "").startswith("/local/"))


def page(info: ControlInfo, path: str, status: int = 200) -> str:
    answer = call(info, "GET", path)
    assert answer.status == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    for rule in ("script-src 'self'", "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    return answer.raw.decode()


def test_no_builds_yet(control: ControlInfo) -> None:
    """An empty house says what to do."""
    shown = page(control, "/")

    assert "No pipelines yet" in shown
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
    for words in ("Tests", "1 of 2", "2 of 2", "attempt 2", "Waiting failed", "no agent is connected with queue=big"):
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

    paths = ["/", "/builds", "/local/inbox", "/local/inbox/builds/1", job, "/agents"]
    for path in (
        *paths,
        "/local/inbox/builds/1?only=steps&only=banner",
        f"{job}?only=log",
        f"/local/{EVIL.replace('/', '')}",
    ):
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

    assert sections(shown) == [("s1", False, "1Preparing"), ("s3", True, "3Tests"), ("s6", True, "6End")]
    for line in (
        '<div class="l" id="L2"><a class="n" href="#L2" tabindex="-1">2</a>quiet</div>',
        '<a class="n" href="#L4" tabindex="-1">4</a>100%</div>',
        '<a class="n" href="#L5" tabindex="-1">5</a><span class="bold fg1">red</span></div>',
    ):
        assert line in shown
    text = call(control, "GET", f"{job}/log")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.raw.startswith(b"~~~ Preparing\nquiet\n")


def sections(shown: str) -> list[tuple[str, bool, str]]:
    """The sections of a page's log: id, open, header."""
    found = re.findall(r'<details class="section[^"]*" id="(\w+)"( open)?><summary[^>]*>(.*?)</summary>', shown)
    return [(name, bool(is_open), re.sub("<[^>]*>", "", title)) for name, is_open, title in found]


def test_a_log_that_grows_is_asked_for_from_a_line_on(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    rest.start({"key": "a", "command": "x"})
    work = agent.begin()
    work.log(1, "--- one\n" + "".join(f"line {number}\n" for number in range(2, 151)) + "+++ two\nnew\n")

    shown = page(control, f"/local/inbox/builds/1/jobs/{work.id}?only=log&from=100")

    assert "<html" not in shown
    assert re.findall(r'id="L(\d+)"', shown)[:2] == ["1", "100"]
    assert re.findall(r'data-first="(\d+)"', shown) == ["100", "152"]
    assert "line 99<" not in shown


def test_a_long_log_shows_its_end(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    rest.start({"key": "a", "command": "x"})
    work = agent.begin()
    for sequence in range(1, 11):
        work.log(sequence, f"piece {sequence}\n" + "x" * 100_000 + "\n")
    job = f"/local/inbox/builds/1/jobs/{work.id}"

    shown = page(control, job)

    assert "This is the end of a long log" in shown
    assert ("piece 10<" in shown, "piece 1<" in shown) == (True, False)
    assert 'id="L19"' in shown
    earlier = page(control, f"{job}?line=3")
    assert ("piece 1<" in earlier, "piece 10<" in earlier, 'id="L1"' in earlier) == (True, False, True)
    assert "Later lines" in earlier
    assert b"piece 1\n" in call(control, "GET", f"{job}/log").raw


def test_agents_and_what_they_do(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    rest.start({"key": "a", "label": "the job", "command": "x"})
    assert "idle" in page(control, "/agents")
    work = agent.begin()

    assert f'<a href="/local/inbox/builds/1/jobs/{work.id}">the job</a>' in page(control, "/agents")


def test_what_is_not_there_is_a_page_too(control: ControlInfo) -> None:
    for path in ("/local/none", "/local/none/builds/1", "/acme/inbox/builds/1", "/a/b/c/d/e/f"):
        assert "Not here" in page(control, path, 404)


def test_the_stylesheet_and_the_script(control: ControlInfo) -> None:
    style, script = call(control, "GET", "/style.css"), call(control, "GET", "/page.js")

    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert b"prefers-color-scheme: dark" in style.raw
    assert b"prefers-reduced-motion" in style.raw
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert len(script.raw.splitlines()) < 200


def test_a_jobs_environment_without_secrets(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """Not in the variables, not in the command; and no token of ours either."""
    step = {"key": "a", "command": "login s3cr3t-value", "env": {"DEPLOY_TOKEN": "s3cr3t-value", "PLAIN": "yes"}}
    rest.start(step, env={"FROM_BUILD": control.api_token})
    work = agent.begin()

    shown = page(control, f"/local/inbox/builds/1/jobs/{work.id}")

    assert "BUILDKITE_JOB_ID" in shown
    assert "login [REDACTED]" in shown
    for hidden in ("s3cr3t-value", control.api_token, control.agent_token, work.token):
        assert hidden not in shown


def test_pipelines_at_a_glance(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """The last builds from old to new, the newest in words."""
    rest.start({"key": "a", "command": "x"}, message="first")
    agent.begin().finish(1)
    rest.build(message="second")
    agent.begin().finish(0)

    shown = page(control, "/")

    assert re.findall(r'<a class="(\w+)" href="/local/inbox/builds/(\d)" title', shown) == [("bad", "1"), ("good", "2")]
    assert "second" in shown.partition('class="latest"')[2]


def test_who_would_have_been_told(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """The address of a web hook is a secret."""
    rest.pipeline({"key": "a", "command": "x"})
    hook = "https://hooks.example/services/T0/s3cr3t"
    document = {"steps": [{"key": "a", "command": "x"}], "notify": [{"email": "dev@example.com"}, {"webhook": hook}]}
    rest.call("PATCH", "/pipelines/inbox", {"configuration": json.dumps(document)})
    rest.build()
    agent.begin().finish(0)

    shown = page(control, "/local/inbox/builds/1")

    assert "build.finished" in shown
    assert "dev@example.com" in shown
    assert "webhook hooks.example" in shown
    assert "s3cr3t" not in shown


def test_an_archived_pipeline_is_out_of_sight(rest: Rest, control: ControlInfo) -> None:
    """Its builds are not."""
    rest.start({"key": "a", "command": "x"}, message="the last one")
    rest.call("POST", "/pipelines/inbox/archive")

    assert "No pipelines yet" in page(control, "/")
    assert "the last one" in page(control, "/builds")


def test_many_builds_are_shown_page_by_page(rest: Rest, control: ControlInfo) -> None:
    rest.start({"key": "a", "command": "x"})
    for _ in range(30):
        rest.build()

    first, second = page(control, "/local/inbox"), page(control, "/local/inbox?page=2")
    assert ("?page=2" in first, "inbox #31" in first, "inbox #1:" in first) == (True, True, False)
    assert ("?page=1" in second, "inbox #1:" in second, "?page=3" in second) == (True, True, False)
    for odd in ("0", "-1", "x", "9" * 12):
        assert "inbox #31" in page(control, f"/local/inbox?page={odd}")


def test_a_triggered_build_and_its_parent_lead_to_each_other(
    rest: Rest, agent: FakeAgent, control: ControlInfo
) -> None:
    rest.pipeline({"key": "x", "command": "x"}, slug="child")
    rest.start({"trigger": "child", "label": "start the child"})
    wait_for(lambda: bool(rest.call("GET", "/pipelines/child/builds").json))

    assert 'class="child" href="/local/child/builds/1"' in page(control, "/local/inbox/builds/1")
    assert 'Triggered from <a href="/local/inbox/builds/1">' in page(control, "/local/child/builds/1")
    agent.begin().finish(0)
    assert "child #1: passed" in page(control, "/local/inbox/builds/1")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
