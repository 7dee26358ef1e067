"""The stream that keeps an open page true."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from shipping.local.control import running
from tests.integration.local.clients import FakeAgent, Rest, call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shipping.local.control import ControlInfo


class Stream:
    """Reads events until it has heard all of some topics."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.response = response

    def hear(self, *topics: str) -> set[str]:
        missing, heard = set(topics), set[str]()
        while missing:
            line = self.response.readline().decode()
            assert line, f"the stream ended before {missing}"
            if line.startswith("data: "):
                heard |= set(json.loads(line.removeprefix("data: ")))
                missing -= heard
        return heard


@contextmanager
def watching(info: ControlInfo, *topics: str) -> Iterator[Stream]:
    connection = http.client.HTTPConnection(urlsplit(info.url).netloc, timeout=10)
    connection.request("GET", "/events?" + urlencode([("topic", topic) for topic in topics]))
    response = connection.getresponse()
    try:
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.readline() == b"retry: 1000\n"
        yield Stream(response)
    finally:
        response.close()
        connection.close()


def test_a_page_hears_of_everything_that_it_shows(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """From the first change to the end of the build; and of nothing else."""
    build = rest.start({"key": "a", "command": "x"})
    job = rest.read()["jobs"][0]["id"]
    kinds = [f"{kind}/{build['id']}" for kind in ("build", "annotations", "artifacts", "meta-data")]
    with watching(control, *kinds, f"log/{job}", f"job/{job}") as stream, watching(control, "builds") as others:
        work = agent.begin()
        assert stream.hear(kinds[0], f"job/{job}") == {kinds[0], f"job/{job}"}
        work.log(1, "x\n")
        stream.hear(f"log/{job}")
        work.call("POST", "/annotations", {"body": "x", "context": "c"})
        stream.hear(kinds[1])
        work.call("DELETE", "/annotations/c")
        stream.hear(kinds[1])
        work.keep("a.txt", b"x")
        stream.hear(kinds[2])
        work.call("POST", "/data/set", {"key": "k", "value": "v"})
        stream.hear(kinds[3])
        work.finish(0)
        stream.hear(kinds[0])
        assert others.hear("builds") == {"builds"}


def test_what_is_told_is_committed_before(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    """Whoever asks upon an event sees what it was about."""
    build = rest.start({"key": "a", "command": "x"})
    with watching(control, f"build/{build['id']}") as stream:
        work = agent.begin()
        stream.hear(f"build/{build['id']}")
        assert rest.read()["state"] == "running"
        work.finish(1)
        stream.hear(f"build/{build['id']}")
        assert rest.read()["state"] == "failed"


def test_pages_that_nobody_reads_hold_nobody_up(rest: Rest, agent: FakeAgent, control: ControlInfo) -> None:
    build = rest.start(*[{"key": f"k{number}", "command": "x"} for number in range(30)])
    topics = [f"build/{build['id']}", "builds", "agents"]
    with watching(control, *topics), watching(control, *topics), watching(control, *topics):
        for _ in range(30):
            agent.begin().finish(0)
    assert rest.read()["state"] == "passed"


def test_only_pages_of_ours_are_told(control: ControlInfo) -> None:
    for site in ("cross-site", "same-site", "none"):
        assert call(control, "GET", "/events?topic=builds", headers={"Sec-Fetch-Site": site}).status == 403
    assert call(control, "GET", "/events").status == 400
    assert call(control, "GET", "/events?" + "&".join(["topic=a"] * 21)).status == 400
    assert call(control, "GET", f"/events?topic={'a' * 101}").status == 400


def test_an_open_page_does_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    """It is told that this is the end: the stream ends whole, and the page will look for us again."""
    ended = threading.Event()

    def read(stream: Stream) -> None:
        while stream.response.readline():
            pass
        ended.set()

    with running(tmp_path / "state") as control:
        connection = http.client.HTTPConnection(urlsplit(control.url).netloc, timeout=10)
        connection.request("GET", "/events?topic=builds")
        stream = Stream(connection.getresponse())
        reader = threading.Thread(target=read, args=(stream,))
        reader.start()
        before = time.monotonic()
    took = time.monotonic() - before
    reader.join()
    connection.close()

    assert ended.is_set()
    assert took < 5
