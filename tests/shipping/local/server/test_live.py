"""Who watches hears of what changed, nobody waits for who does not listen."""

from __future__ import annotations

import asyncio

from starlette.types import Message

from shipping.local.engine.commands import AnyCommand, Forget, ForgetPipeline, Note, Put, SetMetaData
from shipping.local.engine.records import Agent, Job
from shipping.local.server.live import MOST, Live, changed
from shipping.local.server.page.events import Events


def test_the_topics_of_a_transition() -> None:
    commands: list[AnyCommand] = [
        Put(record=Job(id="j", build="b", step="s", place=0, created_at=0.0)),
        Put(record=Agent(id="a", name="a", registered_at=0.0)),
        Note(job="j", text="x"),
        SetMetaData(build="b", key="k", value="v"),
    ]

    assert changed(commands) == {"builds", "build/b", "job/j", "agents", "log/j", "meta-data/b"}
    assert changed([Forget(build="b"), ForgetPipeline(slug="p")]) == {"builds", "build/b"}
    assert changed([]) == set()


def test_a_watcher_hears_its_own_topics_once_however_often_they_changed() -> None:
    async def heard() -> tuple[list[str], list[str]]:
        live = Live()
        watcher = live.watch(["a", "b"])
        for topic in ("a", "c", "a", "b"):
            live.tell(topic)
        return await watcher.hear(1), await watcher.hear(0.01)

    assert asyncio.run(heard()) == (["a", "b"], [])


def test_one_more_than_the_most_lets_the_oldest_go() -> None:
    live = Live()
    watchers = [live.watch(["a"]) for _ in range(MOST + 1)]

    assert [watcher.closed for watcher in watchers] == [True, *[False] * MOST]


def test_when_the_server_stops_every_page_is_let_go_and_no_new_one_stays() -> None:
    live = Live()
    before = live.watch(["a"])
    live.close()

    assert (before.closed, live.watch(["a"]).closed) == (True, True)


def test_a_page_that_stops_reading_is_let_go() -> None:
    """Its connection takes nothing more: the stream ends, and telling never waited for it."""

    async def stuck() -> list[str]:
        live = Live()
        watcher = live.watch(["a"])
        sent = list[str]()

        async def send(message: Message) -> None:
            sent.append(message["type"])
            if len(sent) > 1:
                await asyncio.Event().wait()

        stream = asyncio.create_task(Events(live, watcher, patience=0.05)({}, asyncio.Queue[Message]().get, send))
        live.tell("a")
        await asyncio.wait_for(stream, 5)
        live.tell("a")
        live.leave(watcher)
        return sent

    assert asyncio.run(stuck()) == ["http.response.start", "http.response.body"]


def test_a_page_that_leaves_is_forgotten() -> None:
    async def left() -> int:
        live = Live()
        watcher = live.watch(["a"])
        inbox = asyncio.Queue[Message]()

        async def send(message: Message) -> None:
            del message

        stream = asyncio.create_task(Events(live, watcher)({}, inbox.get, send))
        await inbox.put({"type": "http.disconnect"})
        await asyncio.wait_for(stream, 5)
        return len(live._watchers)

    assert asyncio.run(left()) == 0
