"""Who watches what: every open page hears of the topics that it shows. Telling neither waits nor fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shipping.local.engine.commands import Forget, ForgetPipeline, Note, Put, SetMetaData
from shipping.local.engine.records import Agent, Build, Job, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shipping.local.engine.commands import AnyCommand

MOST = 100
"""Pages that may watch at once; one more, and the oldest is let go (it comes back by itself if it is still there)."""


def changed(commands: Iterable[AnyCommand]) -> set[str]:
    """Return the topics that a transition is about. What no page shows has none."""
    topics = set[str]()
    for command in commands:
        match command:
            case Put(record=Build(id=build)) | Put(record=Step(build=build)) | Forget(build=build):
                topics |= {"builds", f"build/{build}"}
            case Put(record=Job(id=job, build=build)):
                topics |= {"builds", f"build/{build}", f"job/{job}"}
            case Put(record=Agent()):
                topics.add("agents")
            case SetMetaData(build=build):
                topics.add(f"meta-data/{build}")
            case Note(job=job):
                topics.add(f"log/{job}")
            case ForgetPipeline():
                topics.add("builds")
    return topics


class Watcher:
    """One open page. What it has not been told yet is a set: a page that does not listen costs no more than one that does."""

    def __init__(self, topics: frozenset[str]) -> None:
        self.topics = topics
        self.closed = False
        self._pending = set[str]()
        self._woken = asyncio.Event()

    def tell(self, topics: set[str]) -> None:
        if news := topics & self.topics:
            self._pending |= news
            self._woken.set()

    def close(self) -> None:
        self.closed = True
        self._woken.set()

    async def hear(self, patience: float) -> list[str]:
        """Wait for news, at most ``patience`` seconds; return the topics, none where nothing happened."""
        try:
            # Not `wait_for`: Python 3.11's swallows a cancellation that comes as the waiting ends.
            async with asyncio.timeout(patience):
                await self._woken.wait()
        except TimeoutError:
            return []
        self._woken.clear()
        news, self._pending = sorted(self._pending), set()
        return news


class Live:
    """All open pages of one control plane. Lives on its thread."""

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []
        self._closed = False

    def watch(self, topics: Iterable[str]) -> Watcher:
        watcher = Watcher(frozenset(topics))
        if self._closed:
            watcher.close()
        self._watchers.append(watcher)
        if len(self._watchers) > MOST:
            self._watchers.pop(0).close()
        return watcher

    def leave(self, watcher: Watcher) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def watched(self, topic: str) -> bool:
        return any(topic in watcher.topics for watcher in self._watchers)

    def tell(self, *topics: str) -> None:
        """Say that these have changed. To be called after the change is committed."""
        for watcher in self._watchers:
            watcher.tell(set(topics))

    def close(self) -> None:
        """Let every page go, now and from now on: the server stops."""
        self._closed = True
        for watcher in self._watchers:
            watcher.close()
